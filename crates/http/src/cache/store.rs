//! Where answers are kept: in memory, for as long as the client lives, within a number of bytes.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use lru::LruCache;
use spile_model::ByteSize;

use super::freshness::Times;
use super::vary::Variant;

/// So many answers are kept of one URL: more than that differ in something that is never asked for twice.
const MOST_VARIANTS: usize = 8;

/// What an answer takes besides its headers' and its body's text, roughly.
const OVERHEAD: usize = 512;

/// What one URL's answers are found by. Credentials are part of it: what one is told, another may not be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) url: String,
    /// Of the headers that hold secrets.
    pub(super) credentials: u64,
}

/// A stored answer. Cheap to clone but for its headers.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) times: Times,
    pub(super) variant: Variant,
}

impl Stored {
    fn weight(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        OVERHEAD + headers + self.body.len()
    }
}

pub(super) struct Store {
    limit: usize,
    taken: usize,
    answers: LruCache<Key, Vec<Stored>>,
}

impl Store {
    pub(super) fn new(limit: ByteSize) -> Self {
        Self { limit: limit.as_usize(), taken: 0, answers: LruCache::unbounded() }
    }

    /// The newest answer under `key` that fits a request with these headers.
    pub(super) fn find(&mut self, key: &Key, request: &HeaderMap) -> Option<Stored> {
        self.answers.get(key)?.iter().rev().find(|stored| stored.variant.fits(request)).cloned()
    }

    /// Keeps `answer`, in the place of another that fits the same requests. One that would take more than a quarter of
    /// the room is not kept.
    pub(super) fn put(&mut self, key: Key, mut answer: Stored) {
        self.remove_variant(&key, &answer.variant);
        let weight = answer.weight();
        if weight > self.limit / 4 {
            return;
        }
        // A copy is as large as it says; what arrived may be a small part of a large buffer.
        answer.body = Bytes::copy_from_slice(&answer.body);
        let variants = self.answers.get_or_insert_mut(key, Vec::new);
        variants.push(answer);
        self.taken += weight;
        if variants.len() > MOST_VARIANTS {
            self.taken -= variants.remove(0).weight();
        }
        while self.taken > self.limit
            && let Some((_, oldest)) = self.answers.pop_lru()
        {
            self.taken -= oldest.iter().map(Stored::weight).sum::<usize>();
        }
    }

    /// Forgets what fits the same requests as `variant`.
    pub(super) fn remove_variant(&mut self, key: &Key, variant: &Variant) {
        let Some(variants) = self.answers.peek_mut(key) else { return };
        let (gone, kept) = std::mem::take(variants).into_iter().partition::<Vec<_>, _>(|one| one.variant == *variant);
        *variants = kept;
        self.taken -= gone.iter().map(Stored::weight).sum::<usize>();
    }

    /// Forgets every answer of `url`, whoever asked for it.
    pub(super) fn remove(&mut self, url: &str) {
        let keys: Vec<Key> = self.answers.iter().map(|(key, _)| key).filter(|key| key.url == url).cloned().collect();
        for key in keys {
            let gone = self.answers.pop(&key).unwrap_or_default();
            self.taken -= gone.iter().map(Stored::weight).sum::<usize>();
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::VARY;
    use jiff::Timestamp;

    use super::*;

    fn key(url: &str) -> Key {
        Key { url: url.to_owned(), credentials: 0 }
    }

    fn asking(value: &'static str) -> HeaderMap {
        [(http::header::ACCEPT, HeaderValue::from_static(value))].into_iter().collect()
    }

    fn answer(bytes: usize, asked: &HeaderMap) -> Stored {
        let headers: HeaderMap = [(VARY, HeaderValue::from_static("accept"))].into_iter().collect();
        let times = Times { asked_at: Timestamp::UNIX_EPOCH, received_at: Timestamp::UNIX_EPOCH };
        let variant = Variant::of(&headers, asked).unwrap();
        Stored { status: StatusCode::OK, headers, body: vec![b'x'; bytes].into(), times, variant }
    }

    #[test]
    fn the_answers_that_were_not_used_for_longest_make_room() {
        let (mut store, plain) = (Store::new(ByteSize(10_000)), asking("a"));
        for url in ["1", "2", "3", "4"] {
            store.put(key(url), answer(1_800, &plain));
        }
        assert!(store.find(&key("1"), &plain).is_some());
        store.put(key("5"), answer(1_800, &plain));
        assert!(store.find(&key("2"), &plain).is_none());
        assert!(store.find(&key("1"), &plain).is_some());
        assert!(store.taken <= 10_000);
        store.put(key("6"), answer(2_500, &plain));
        assert!(store.find(&key("6"), &plain).is_none(), "larger than a quarter of the room");
    }

    #[test]
    fn what_is_forgotten_gives_its_room_back() {
        let mut store = Store::new(ByteSize(1 << 20));
        for value in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "a"] {
            store.put(key("1"), answer(100, &asking(value)));
        }
        assert_eq!(store.answers.peek(&key("1")).map(Vec::len), Some(MOST_VARIANTS));
        assert!(store.find(&key("1"), &asking("j")).is_some());
        assert!(store.find(&key("1"), &asking("b")).is_none());
        store.remove_variant(&key("1"), &answer(0, &asking("j")).variant);
        assert!(store.find(&key("1"), &asking("j")).is_none());
        store.remove("1");
        assert_eq!(store.taken, 0);
    }
}

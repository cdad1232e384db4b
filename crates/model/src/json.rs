//! What all who go through JSON text need, and need fast.

/// The first byte at or after `at` that ends a run of a string's plain characters: a quote, a backslash or a control
/// character (RFC 8259 section 7). The text's length where there is none.
#[inline]
#[must_use]
pub fn plain_until(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        let found = special(chunk);
        if found != 0 {
            return at + found.trailing_zeros() as usize / BITS;
        }
        at += BLOCK;
    }
    let rest = text.get(at..).unwrap_or_default();
    let plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | ..b' ');
    at.min(text.len()) + rest.iter().take_while(|byte| plain(byte)).count()
}

/// So many bytes are looked at together.
#[cfg(target_arch = "x86_64")]
const BLOCK: usize = 16;
#[cfg(not(target_arch = "x86_64"))]
const BLOCK: usize = 8;

/// The bits that stand for a byte in what `special` returns.
#[cfg(target_arch = "x86_64")]
const BITS: usize = 1;
#[cfg(not(target_arch = "x86_64"))]
const BITS: usize = 8;

/// A set bit for each byte that is no plain character.
#[cfg(target_arch = "x86_64")]
#[inline]
fn special(chunk: &[u8; BLOCK]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };

    const LAST_CONTROL: i8 = 0x1f;
    #[expect(unsafe_code, reason = "instructions that the compiler does not find by itself")]
    // SAFETY: every x86-64 machine has them; the chunk is as long as the load, which need not be aligned.
    unsafe {
        let bytes = _mm_loadu_si128(chunk.as_ptr().cast());
        let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"'.cast_signed()));
        let backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\'.cast_signed()));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(LAST_CONTROL)), bytes);
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)).cast_unsigned()
    }
}

/// The high bit of each byte that is no plain character, and perhaps of bytes above the lowest such one.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn special(chunk: &[u8; BLOCK]) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([0x01; BLOCK]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; BLOCK]);
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGHS;
    let word = u64::from_le_bytes(*chunk);
    let equals = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    equals(b'"') | equals(b'\\') | below(word, b' ')
}

/// A text that is looked for again and again, such as a key that stood in the record before. A short one is compared as
/// one number: comparing slices is a call, and keys are short.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    len: usize,
    /// Its first bytes, and zeros.
    head: u128,
    /// Ones where the head has bytes of the text.
    mask: u128,
    /// What does not go into the head.
    tail: Box<[u8]>,
}

const HEAD: usize = 16;

impl Expected {
    /// That text.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        let (short, tail) = text.split_at(text.len().min(HEAD));
        let (mut head, mut mask) = ([0; HEAD], [0; HEAD]);
        head[..short.len()].copy_from_slice(short);
        mask[..short.len()].fill(u8::MAX);
        Self { len: text.len(), head: u128::from_le_bytes(head), mask: u128::from_le_bytes(mask), tail: tail.into() }
    }

    /// Where the text ends that stands at `at`; `None` if another stands there.
    #[expect(clippy::inline_always, reason = "a few instructions, for every key of every record")]
    #[inline(always)]
    #[must_use]
    pub fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        let end = at + self.len;
        match text.get(at..).and_then(<[u8]>::first_chunk) {
            Some(chunk) if self.len <= HEAD => (u128::from_le_bytes(*chunk) & self.mask == self.head).then_some(end),
            _ => self.is_all_of(text.get(at..end)?).then_some(end),
        }
    }

    /// The long way, where the text is long or stands at the end of the other.
    #[cold]
    fn is_all_of(&self, text: &[u8]) -> bool {
        let (head, tail) = text.split_at(text.len().min(HEAD));
        head == &self.head.to_le_bytes()[..head.len()] && *tail == *self.tail
    }
}

#[cfg(test)]
mod tests {
    use super::{Expected, plain_until};

    #[test]
    fn an_expected_text_is_found_where_it_stands_and_nowhere_else() {
        let text: Vec<u8> = (0..60).collect();
        for len in 0..40 {
            for start in 0..=text.len() - len {
                let expected = Expected::new(&text[start..start + len]);
                assert_eq!(expected.end(&text, start), Some(start + len));
                if len > 0 {
                    assert_eq!(expected.end(&text, start + 1), None);
                    assert_eq!(expected.end(&text[..start + len - 1], start), None);
                    let mut last = text.clone();
                    last[start + len - 1] = 255;
                    assert_eq!(expected.end(&last, start), None);
                }
                assert_eq!(expected.end(&text, text.len() + 1), None);
            }
        }
    }

    #[test]
    fn the_first_special_byte_is_found_wherever_it_stands() {
        for special in (0..b' ').chain([b'"', b'\\']) {
            for at in 0..70 {
                let mut text = vec![b'x'; 70];
                text[at] = special;
                text[69] = b'"';
                assert_eq!(plain_until(&text, 0), at, "{special}");
                assert_eq!(plain_until(&text, at), at);
                assert_eq!(plain_until(&text, at + 1), if at == 69 { 70 } else { 69 });
            }
        }
    }

    #[test]
    fn everything_else_is_plain() {
        let text: Vec<u8> = (b' '..=255).filter(|byte| !matches!(byte, b'"' | b'\\')).collect();
        assert_eq!(plain_until(&text, 0), text.len());
        assert_eq!(plain_until(&text, text.len() + 5), text.len());
        assert_eq!(plain_until(b"", 0), 0);
    }
}

//! Paging must advance: pages in their order go in, a failure that says what repeated comes out.
//!
//! It sees a token or URL that was there before, a page that holds the records of the one before it, and more pages
//! than the plan allows. It keeps two numbers for each token or URL.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use spile_model::{Failure, FailureKind};
use twox_hash::XxHash3_64;

use crate::pagination::Position;

/// So many characters of a token or URL are shown.
const SHOWN: usize = 80;

pub(crate) struct Guard {
    max_pages: u64,
    /// The page at which each token or URL was handed out, by its hash.
    handed_out: HashMap<u64, u64>,
    last_contents: Option<u64>,
}

impl Guard {
    pub(crate) fn new(max_pages: u64) -> Self {
        Self { max_pages, handed_out: HashMap::new(), last_contents: None }
    }

    /// A page has come. `contents` is the hash of its records, if it has any.
    ///
    /// # Errors
    /// [`FailureKind::PagingLoop`]
    pub(crate) fn page(&mut self, number: u64, contents: Option<u64>, hint: &str) -> Result<(), Failure> {
        if contents.is_some() && contents == self.last_contents {
            let before = number - 1;
            return Err(going_in_circles(&format!("page {number} holds the very records of page {before}"), hint));
        }
        self.last_contents = contents;
        Ok(())
    }

    /// Page `number` says that the next one is at `position`. `shown` shows it without secrets.
    ///
    /// # Errors
    /// [`FailureKind::PagingLoop`]
    pub(crate) fn advance(
        &mut self,
        number: u64,
        position: &Position,
        shown: impl Fn(&Position) -> String,
        hint: &str,
    ) -> Result<(), Failure> {
        if matches!(position, Position::Token(_) | Position::Url(_))
            && let Some(before) = self.handed_out.insert(hash(position), number)
        {
            let (what, text) =
                if matches!(position, Position::Url(_)) { ("URL", "next URL") } else { ("token", "page token") };
            let shown = shorten(&shown(position));
            let same =
                format!("page {number} hands out the {text} `{shown}`, and page {before} handed out the same {what}");
            return Err(going_in_circles(&same, hint));
        }
        if number >= self.max_pages {
            let message = format!("after {number} pages (`pagination.max_pages`) the API still announces another one");
            return Err(Failure::new(FailureKind::PagingLoop, message));
        }
        Ok(())
    }
}

/// The hash of what a page holds; `None` for a page without records.
pub(crate) fn contents<'r>(records: impl Iterator<Item = &'r [u8]>) -> Option<u64> {
    let mut hasher = hasher();
    let mut any = false;
    for record in records {
        any = true;
        hasher.write_u64(XxHash3_64::oneshot(record));
    }
    any.then(|| hasher.finish())
}

fn hash(position: &Position) -> u64 {
    let mut hasher = hasher();
    position.hash(&mut hasher);
    hasher.finish()
}

/// The same in every run: which pages count as equal must not depend on chance.
fn hasher() -> XxHash3_64 {
    XxHash3_64::with_seed(0)
}

fn going_in_circles(what: &str, hint: &str) -> Failure {
    let hint = if hint.is_empty() { String::new() } else { format!("; {hint}") };
    Failure::new(FailureKind::PagingLoop, format!("paging goes in circles: {what}{hint}"))
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}

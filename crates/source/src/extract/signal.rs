//! A value of a response that paging reads: a token, a count, a flag.

use std::fmt;

use serde_json::Value;

/// Longer text than this is no token, count or flag; it is not copied out of the body.
const LONGEST: usize = 64 * 1024;

/// One value. Numbers keep their text, so that a token of any length goes back as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Null,
    Bool(bool),
    Number(Box<str>),
    Text(Box<str>),
    /// An array or object, of which only counts whether it is empty; or text beyond the limit.
    Large {
        empty: bool,
    },
}

/// The values at the wanted paths, by their number.
#[derive(Debug, Default)]
pub(crate) struct Signals(Vec<Option<Signal>>);

impl Signals {
    pub(super) fn none(count: usize) -> Self {
        Self((0..count).map(|_| None).collect())
    }

    /// The first value that a path selects counts.
    pub(super) fn put(&mut self, index: usize, signal: Signal) {
        if let Some(place) = self.0.get_mut(index) {
            place.get_or_insert(signal);
        }
    }

    /// What the path of that number selected, if anything.
    pub(crate) fn get(&self, index: usize) -> Option<&Signal> {
        self.0.get(index)?.as_ref()
    }
}

impl Signal {
    /// From a value's JSON text, which is known to be well formed.
    pub(super) fn from_json(json: &str) -> Self {
        let large = |empty| Self::Large { empty };
        match json.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'[' | b'{') => large(json[1..json.len() - 1].trim().is_empty()),
            _ if json.len() > LONGEST => large(false),
            // A string of lone surrogates has no text; nothing that is sent back can hold it.
            Some(b'"') => serde_json::from_str::<String>(json).map_or(large(false), |text| Self::Text(text.into())),
            _ => Self::Number(json.into()),
        }
    }

    /// As the answer to "is there more?".
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(text) => text.parse::<f64>() != Ok(0.0),
            Self::Text(text) => !matches!(text.trim().to_ascii_lowercase().as_str(), "" | "false" | "0" | "no"),
            Self::Large { empty } => !empty,
        }
    }

    /// As a token: `None` where it is null, false or empty.
    pub(crate) fn as_token(&self) -> Option<Value> {
        match self {
            Self::Null | Self::Bool(false) | Self::Large { .. } => None,
            Self::Bool(true) => Some(Value::Bool(true)),
            Self::Text(text) if text.trim().is_empty() => None,
            Self::Text(text) => Some(Value::String(text.to_string())),
            // A whole number of 64 bits stays one in a JSON body; any other number goes back as it was written.
            Self::Number(text) => {
                let whole = text.parse::<u64>().map(Value::from).or_else(|_| text.parse::<i64>().map(Value::from));
                Some(whole.unwrap_or_else(|_| Value::String(text.to_string())))
            }
        }
    }

    /// The text of a text or a number.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Number(text) | Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As a count, also where it is written as text.
    pub(crate) fn as_count(&self) -> Option<u64> {
        match self {
            Self::Number(text) | Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("`null`"),
            Self::Bool(value) => write!(f, "`{value}`"),
            Self::Number(text) => write!(f, "`{text}`"),
            // Never a part of a text: half a secret would not be recognised as one.
            Self::Text(text) if text.len() <= 60 => write!(f, "`\"{text}\"`"),
            Self::Text(_) | Self::Large { .. } => f.write_str("a list, an object or a long text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(json: &str) -> Signal {
        Signal::from_json(json)
    }

    #[test]
    fn flags_are_read_as_apis_write_them() {
        for yes in ["true", "1", "\"yes\"", "\"true\"", "[0]", "{\"a\":1}", "-3.5"] {
            assert!(signal(yes).is_true(), "{yes}");
        }
        for no in ["false", "null", "0", "0.0", "\"\"", "\"False\"", "[ ]", "{}"] {
            assert!(!signal(no).is_true(), "{no}");
        }
    }

    #[test]
    fn tokens_keep_their_text_and_end_where_they_are_empty() {
        assert_eq!(signal("\"a\\u0062\"").as_token(), Some(Value::from("ab")));
        assert_eq!(signal("17").as_token(), Some(Value::from(17)));
        assert_eq!(
            signal("123456789012345678901234567890").as_token(),
            Some(Value::from("123456789012345678901234567890"))
        );
        for end in ["null", "false", "\"\"", "\" \"", "[]", "{\"a\":1}"] {
            assert_eq!(signal(end).as_token(), None, "{end}");
        }
    }

    #[test]
    fn counts_may_be_text_and_nothing_else() {
        assert_eq!(signal("12").as_count(), Some(12));
        assert_eq!(signal("\"12\"").as_count(), Some(12));
        assert_eq!(signal("12.5").as_count(), None);
        assert_eq!(signal("true").as_count(), None);
    }
}

//! What a response holds where no records were found: for a message, and to tell an error from an empty page.
//!
//! Enters: a body that is known to be one JSON value. Leaves: its top-level keys, the members that speak to people, and
//! where lists stand. It reads the text once for each level that it goes down, builds nothing of it, and remembers a bounded
//! part; what it cannot read (a key without text) ends it early.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// So many keys are remembered.
const KEYS: usize = 12;

/// So many lists are remembered. A response has one or two; an object used as a dictionary may have thousands.
const LISTS: usize = 64;

/// So deep are lists looked for, in members of members: deeper ones are parts of records.
const DEPTH: usize = 4;

/// A key longer than this is data, not the name of anything; it stands in no path.
const LONGEST_KEY: usize = 60;

/// The members in which APIs tell of errors while they answer 200.
const ERROR_MEMBERS: [&str; 2] = ["errors", "error"];

/// The members that say something to a person, be it an error or not.
const SPEAKING_MEMBERS: [&str; 2] = ["message", "error_description"];

#[derive(Debug, Default)]
pub(super) struct Survey<'t> {
    pub(super) keys: Vec<String>,
    /// How many keys there are beyond those remembered.
    pub(super) more: usize,
    pub(super) error: Option<Speaking<'t>>,
    pub(super) message: Option<Speaking<'t>>,
    pub(super) lists: Vec<List>,
}

/// A top-level member that says something to a person.
#[derive(Debug)]
pub(super) struct Speaking<'t> {
    pub(super) name: String,
    /// Its JSON text.
    pub(super) said: &'t str,
}

/// A list inside the response.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct List {
    /// The keys that lead to it.
    pub(super) keys: Vec<String>,
    /// Whether it begins with an object, as lists of records do.
    pub(super) of_objects: bool,
}

impl<'t> Survey<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let mut survey = Self::default();
        // An early end keeps what was found before it.
        let _ = survey.look(text.trim(), &mut Vec::new());
        survey
    }

    fn look(&mut self, raw: &'t str, keys: &mut Vec<String>) -> Result<(), serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_str(raw);
        match raw.as_bytes().first() {
            Some(b'{') if keys.len() < DEPTH => reader.deserialize_map(Members { survey: self, keys }),
            Some(b'[') if self.lists.len() < LISTS => {
                let of_objects = reader.deserialize_seq(FirstIsObject)?;
                self.lists.push(List { keys: keys.clone(), of_objects });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn note(&mut self, key: &str, raw: &'t str) {
        if self.keys.len() < KEYS {
            self.keys.push(key.to_owned());
        } else {
            self.more += 1;
        }
        if says_something(raw) {
            let place = match key {
                key if ERROR_MEMBERS.contains(&key) => &mut self.error,
                key if SPEAKING_MEMBERS.contains(&key) => &mut self.message,
                _ => return,
            };
            place.get_or_insert_with(|| Speaking { name: key.to_owned(), said: raw });
        }
    }
}

impl Speaking<'_> {
    /// Whether it is of the form that GraphQL prescribes: a list of objects.
    pub(super) fn is_list_of_objects(&self) -> bool {
        self.said.strip_prefix('[').is_some_and(|elements| elements.trim_start().starts_with('{'))
    }
}

/// Whether it is anything but what APIs write for "no error".
fn says_something(raw: &str) -> bool {
    match raw.as_bytes().first() {
        Some(b'[' | b'{') => !raw[1..raw.len() - 1].trim().is_empty(),
        _ => !matches!(raw, "null" | "false" | "0" | "\"\""),
    }
}

/// Looks into an object's members.
struct Members<'s, 't> {
    survey: &'s mut Survey<'t>,
    keys: &'s mut Vec<String>,
}

impl<'t> Visitor<'t> for Members<'_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { survey, keys } = self;
        while let Some((key, value)) = members.next_entry::<String, &'t RawValue>()? {
            if keys.is_empty() {
                survey.note(&key, value.get());
            }
            if key.len() <= LONGEST_KEY {
                keys.push(key);
                survey.look(value.get(), keys).map_err(serde::de::Error::custom)?;
                keys.pop();
            }
        }
        Ok(())
    }
}

/// Looks at an array's first element.
struct FirstIsObject;

impl<'t> Visitor<'t> for FirstIsObject {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut elements: A) -> Result<bool, A::Error> {
        let first = elements.next_element::<&'t RawValue>()?;
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first.is_some_and(|first| first.get().starts_with('{')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(text: &str) -> Vec<String> {
        let shown = |list: &List| format!("{}{}", list.keys.join("."), if list.of_objects { "{}" } else { "" });
        Survey::of(text).lists.iter().map(shown).collect()
    }

    #[test]
    fn lists_are_found_in_members_of_members_and_not_inside_lists() {
        let text = r#"{"a":{"b":[{"c":[1]}],"d":[]},"e":[1],"f":{"g":{"h":{"i":[1],"j":{"k":[]}}}}}"#;
        assert_eq!(lists(text), ["a.b{}", "a.d", "e", "f.g.h.i"]);
        assert_eq!(lists(" [ {} ] "), ["{}"]);
        assert_eq!(lists("7"), [""; 0]);
        let many: Vec<String> = (0..1000).map(|index| format!("\"{index}\":[1e999]")).collect();
        assert_eq!(lists(&format!("{{{}}}", many.join(","))).len(), LISTS);
        assert_eq!(lists(&format!(r#"{{"{}":[]}}"#, "k".repeat(LONGEST_KEY + 1))), [""; 0]);
    }

    #[test]
    fn a_key_without_text_ends_the_survey_and_not_the_program() {
        assert_eq!(lists(r#"{"a":[{}],"\ud800":[],"b":[]}"#), ["a{}"]);
        let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        assert_eq!(lists(&deep), [""; 0]);
    }

    #[test]
    fn only_an_error_that_says_something_is_one() {
        let error = |text: &str| Survey::of(text).error.map(|error| (error.name.clone(), error.is_list_of_objects()));
        assert_eq!(error(r#"{"data":null,"errors":[ {"message":"x"}]}"#), Some(("errors".to_owned(), true)));
        assert_eq!(error(r#"{"error":"x"}"#), Some(("error".to_owned(), false)));
        for none in ["null", "false", "0", "\"\"", "[ ]", "{}"] {
            assert_eq!(error(&format!(r#"{{"error":{none}}}"#)), None, "{none}");
        }
        assert_eq!(error(r#"{"meta":{"error":"x"}}"#), None, "elsewhere it may be data");
    }
}

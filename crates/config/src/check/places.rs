//! Where in the document each key belongs, for the hint that a key stands in the wrong map.
//!
//! In: the schema. Out: for a key, the one place or two where it does exist.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::Schema;

/// Deeper keys are details whose names say little without their surroundings.
const MAX_DEPTH: usize = 5;
/// What is below says where a value is (a file, a path), in words that other maps have for things of their own.
const OTHER_WORDS: &str = "variables";
/// A key that exists in many places is no hint.
const MAX_PLACES: usize = 2;

/// The maps in which each key exists.
pub(crate) struct KeyPlaces(BTreeMap<String, BTreeSet<String>>);

impl KeyPlaces {
    pub(crate) fn of(root: Schema<'_>) -> Self {
        let mut places = Self(BTreeMap::new());
        places.collect(root, "", &[]);
        places
    }

    /// "under `source`" for a key that exists in another place.
    pub(crate) fn elsewhere(&self, key: &str) -> Option<String> {
        let places = self.0.get(key)?;
        if places.len() > MAX_PLACES {
            return None;
        }
        let named = places.iter().map(|place| match place.as_str() {
            "" => "at the top of the file, not indented".to_owned(),
            place => format!("under `{place}`"),
        });
        Some(super::describe::either(named))
    }

    /// `around` are the schemas that this one stands in; in itself it says nothing new.
    fn collect<'s>(&mut self, schema: Schema<'s>, place: &str, around: &[Schema<'s>]) {
        if around.len() > MAX_DEPTH || around.iter().any(|outer| outer.is_same(schema)) {
            return;
        }
        let within = [around, &[schema]].concat();
        for form in schema.alternatives().unwrap_or_else(|| vec![schema]) {
            self.collect_keys(form, place, &within);
        }
    }

    fn collect_keys<'s>(&mut self, schema: Schema<'s>, place: &str, around: &[Schema<'s>]) {
        let below = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
        for key in schema.keys() {
            self.0.entry(key.to_owned()).or_default().insert(place.to_owned());
            if let Some(property) = schema.property(key).filter(|_| below(key) != OTHER_WORDS) {
                self.collect(property, &below(key), around);
            }
        }
        if let Some(named) = schema.additional().filter(|named| !named.is_free()) {
            self.collect(named, &below("<name>"), around);
        }
        if let Some(items) = schema.items() {
            self.collect(items, place, around);
        }
    }
}

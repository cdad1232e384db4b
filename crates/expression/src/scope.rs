//! The names that a template sees while it renders.

use std::collections::BTreeMap;

use minijinja::Value;
use minijinja::value::Serde;

/// Names and their values. Cheap to extend for one request: values are shared, not copied.
#[derive(Clone, Debug, Default)]
pub struct Scope(BTreeMap<String, Value>);

impl Scope {
    /// With one more name. A name given twice has its last value.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl serde::Serialize) -> Self {
        self.0.insert(name.into(), Value::from(Serde(value)));
        self
    }

    pub(crate) fn to_value(&self) -> Value {
        Value::from_pairs(self.0.iter().map(|(name, value)| (name.as_str(), value.clone())))
    }
}

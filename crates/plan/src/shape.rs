//! How records become columns.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use spile_model::ColumnType;

/// How records become columns.
#[derive(Clone, Debug)]
pub struct ShapePlan {
    /// What an object inside a record becomes.
    pub nested: Nested,
    /// What a list inside a record becomes.
    pub lists: Lists,
    /// How keys become column names.
    pub naming: Naming,
    /// Declared types, by top-level key. A value that does not fit its declared type makes the record a reject.
    pub columns: BTreeMap<String, ColumnType>,
    /// Whether text that looks like an ISO 8601 date or time becomes one.
    pub detect_dates: bool,
    /// A record that would bring a table beyond so many columns is a reject.
    pub max_columns: NonZeroUsize,
    /// Objects and lists below this depth stay JSON text.
    pub max_depth: NonZeroUsize,
}

impl Default for ShapePlan {
    fn default() -> Self {
        Self {
            nested: Nested::Struct,
            lists: Lists::List,
            naming: Naming::AsIs,
            columns: BTreeMap::new(),
            detect_dates: true,
            // A table of more columns is nearly always an object used as a dictionary, which belongs in a JSON column.
            max_columns: NonZeroUsize::new(2000).unwrap_or(NonZeroUsize::MIN),
            // Deeper nesting than this is not written by hand, and a type that deep cannot be read by anyone.
            max_depth: NonZeroUsize::new(16).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// What an object inside a record becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nested {
    /// A struct column.
    Struct,
    /// A column of JSON text.
    Json,
    /// A column for each of its fields, named `outer__inner`.
    Flatten,
}

/// What a list inside a record becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// A list column.
    List,
    /// A column of JSON text.
    Json,
    /// A table of its own, named `table__list`, whose rows name their parent row.
    ChildTables,
}

/// How keys become column names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// As they are, but for characters that would need care in every query.
    AsIs,
    /// In snake_case.
    SnakeCase,
}

//! The fields of an object: the record itself, or an object inside it.

use std::collections::HashMap;

use spile_model::json::Expected;
use spile_model::{ColumnType, Field};

use crate::column::{Column, Context, Refusal};
use crate::json::{Json, RawString};
use crate::name::{Names, SEPARATOR};

/// Builds the columns of an object's fields.
///
/// Records of one API nearly always have their keys in the same order, so the next key is guessed from the record
/// before; only a wrong guess is looked up.
pub(crate) struct RecordBuilder {
    pub(crate) slots: Vec<Slot>,
    by_key: HashMap<Box<[u8]>, usize>,
    expected: usize,
    names: Names,
    /// The record itself, whose columns may be declared.
    root: bool,
    pub(crate) rows: usize,
}

/// A field.
pub(crate) struct Slot {
    pub(crate) source: Box<str>,
    /// The key as it stands in a record, from quote to colon.
    as_written: Expected,
    pub(crate) name: String,
    pub(crate) column: Column,
}

impl Slot {
    fn new(source: &str, name: String, column: Column) -> Self {
        // A key that needs escapes is not written in one way only: what stands here for it is never met.
        let plain = !source.contains(['"', '\\']) && !source.contains(char::is_control);
        let as_written = if plain { format!("\"{source}\":") } else { "\0".to_owned() };
        Self { source: source.into(), as_written: Expected::new(as_written.as_bytes()), name, column }
    }

    /// Brings the column to that many rows: nulls for records without the key; what the same record brought under the
    /// same key before goes.
    #[cold]
    fn catch_up(&mut self, rows: usize, context: &mut Context<'_>) {
        if self.column.len() > rows {
            self.column.truncate(rows);
            context.altered.push(format!("the key `{}` occurs more than once; its last value was loaded", self.source));
        }
        self.column.pad(rows);
    }
}

impl RecordBuilder {
    /// The builder of a stream's records, which starts from what is known of them.
    pub(crate) fn root(fields: &[Field]) -> Self {
        Self { root: true, ..Self::with(fields, Names::of_table()) }
    }

    /// The builder of an object inside a record.
    pub(crate) fn nested(fields: &[Field]) -> Self {
        Self::with(fields, Names::default())
    }

    fn with(fields: &[Field], mut names: Names) -> Self {
        let mut builder = Self {
            slots: Vec::with_capacity(fields.len()),
            by_key: HashMap::with_capacity(fields.len()),
            expected: 0,
            names: Names::default(),
            root: false,
            rows: 0,
        };
        for field in fields {
            names.take(&field.name);
            builder.add(&field.source, field.name.clone(), Column::new(&field.column_type, false));
        }
        builder.names = names;
        builder
    }

    /// Declares the columns' types; known columns take the declared type on.
    pub(crate) fn declare(&mut self, key: &str, column_type: &ColumnType) {
        if let Some(&at) = self.by_key.get(key.as_bytes()) {
            self.slots[at].column = Column::new(column_type, true);
        }
    }

    fn add(&mut self, source: &str, name: String, column: Column) -> usize {
        let at = self.slots.len();
        self.by_key.insert(source.as_bytes().into(), at);
        self.slots.push(Slot::new(source, name, column));
        at
    }

    /// Appends the next object of `json`, whose opening brace is next.
    #[inline]
    pub(crate) fn put(&mut self, json: &mut Json<'_>, context: &mut Context<'_>, depth: usize) -> Result<(), Refusal> {
        json.step();
        self.expected = 0;
        while json.more() {
            let at = match self.slots.get(self.expected) {
                Some(slot) if json.skip(&slot.as_written) => self.expected,
                _ if json.peek() == b'"' => self.look_up(json.key(), context)?,
                _ => {
                    json.value(); // not a key: text that was not checked
                    continue;
                }
            };
            self.expected = at + 1;
            let slot = &mut self.slots[at];
            if slot.column.len() != self.rows {
                slot.catch_up(self.rows, context);
            }
            if context.flatten {
                let outer = context.prefix.len();
                context.prefix.push_str(&slot.name);
                context.prefix.push_str(SEPARATOR);
                let outcome = slot.column.put(json, context, depth);
                context.prefix.truncate(outer);
                outcome?;
            } else {
                slot.column.put(json, context, depth)?;
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// The field of a key that was not the expected one.
    #[cold]
    fn look_up(&mut self, key: RawString<'_>, context: &mut Context<'_>) -> Result<usize, Refusal> {
        let key = key.decode(&mut context.surrogate);
        if let Some(&at) = self.by_key.get(&*key) {
            return Ok(at);
        }
        let limit = context.shape.max_columns.get();
        if context.columns >= limit {
            return Err(format!(
                "its key `{}` would bring the table beyond {limit} columns; if objects are used as dictionaries, load them as JSON (`nested: json`)",
                shown(&key)
            )
            .into());
        }
        context.columns += 1;
        let source = String::from_utf8_lossy(&key);
        let naming = context.shape.naming;
        let name = if context.flatten {
            context.names.claim(&context.prefix, &source, naming)
        } else {
            self.names.claim("", &source, naming)
        };
        let declared = self.root.then(|| context.shape.columns.get(&*source)).flatten();
        let column =
            declared.map_or_else(|| Column::new(&ColumnType::Null, false), |declared| Column::new(declared, true));
        Ok(self.add(&source, name, column))
    }

    /// The column of a key, if there is one.
    pub(crate) fn column(&self, key: &str) -> Option<&Column> {
        self.by_key.get(key.as_bytes()).map(|&at| &self.slots[at].column)
    }

    pub(crate) fn schema(&self) -> Vec<Field> {
        let field = |slot: &Slot| Field {
            name: slot.name.clone(),
            source: slot.source.to_string(),
            column_type: slot.column.column_type(),
        };
        self.slots.iter().map(field).collect()
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.rows = self.rows.min(len);
        for slot in &mut self.slots {
            slot.column.truncate(len);
        }
    }

    pub(crate) fn restart(&mut self) {
        self.rows = 0;
        for slot in &mut self.slots {
            slot.column.restart();
        }
    }
}

/// So much of a key as a message bears.
fn shown(key: &[u8]) -> String {
    String::from_utf8_lossy(key).chars().take(80).collect()
}

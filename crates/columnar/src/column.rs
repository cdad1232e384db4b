//! One adaptive column: values are appended as long as they fit its type; the first that does not makes it note the
//! wider type, and from then on it only goes on widening until the page is built again.

use arrow_buffer::BooleanBufferBuilder;
use spile_model::{ColumnType, CursorValue};
use spile_plan::{Lists, Nested, ShapePlan};

use crate::datetime::Moment;
use crate::declared;
use crate::infer::next_type;
use crate::json::{self, Json};
use crate::name::Names;
use crate::nulls::Nulls;
use crate::number::{FLOAT_EXACT, Number};
use crate::record::RecordBuilder;
use crate::text::Texts;

/// Why a record is refused: a sentence for its reject.
pub(crate) type Refusal = Box<str>;

/// What building a page needs besides the columns.
pub(crate) struct Context<'a> {
    pub(crate) shape: &'a ShapePlan,
    /// The names of the table that is being built.
    pub(crate) names: Names,
    /// Whether objects become columns of that table (not inside a list column).
    pub(crate) flatten: bool,
    /// With `flatten`: what stands before the names of the object that is being built.
    pub(crate) prefix: String,
    /// Columns so far, over all levels.
    pub(crate) columns: usize,
    /// A column noted a wider type: this page must be built again.
    pub(crate) widened: bool,
    /// What a row could not keep although it is loaded.
    pub(crate) altered: Vec<String>,
    /// A text held a lone surrogate.
    pub(crate) surrogate: bool,
}

/// A column being built.
pub(crate) struct Column {
    pub(crate) data: Data,
    pub(crate) nulls: Nulls,
    wider: Option<ColumnType>,
    declared: bool,
}

/// The values of a column, by type.
pub(crate) enum Data {
    Null,
    Bool(BooleanBufferBuilder),
    Int { values: Vec<i64>, big: bool },
    Float(Vec<f64>),
    Decimal { values: Vec<i128>, precision: u8, scale: u8 },
    Timestamp(Vec<i64>),
    LocalTimestamp(Vec<i64>),
    Date(Vec<i32>),
    Text(Texts),
    Json(Texts),
    Struct(Box<RecordBuilder>),
    List(Box<ListData>),
}

/// The lists of a list column: where each one ends in `child`.
pub(crate) struct ListData {
    pub(crate) ends: Vec<i32>,
    pub(crate) child: Column,
    /// The names of the child table that the lists become, if they do.
    names: Names,
}

impl Column {
    pub(crate) fn new(column_type: &ColumnType, declared: bool) -> Self {
        Self { data: Data::new(column_type), nulls: Nulls::default(), wider: None, declared }
    }

    pub(crate) fn len(&self) -> usize {
        self.nulls.len()
    }

    /// Appends the next value of `json`.
    #[inline]
    pub(crate) fn put(&mut self, json: &mut Json<'_>, context: &mut Context<'_>, depth: usize) -> Result<(), Refusal> {
        let first = json.peek();
        if first == b'n' {
            json.literal();
            self.pad(self.len() + 1);
            return Ok(());
        }
        if self.wider.is_some() {
            self.widen(json, context, depth);
            return Ok(());
        }
        let before = json.clone();
        if self.data.put(first, json, context, depth)? {
            self.nulls.push_valid();
            return Ok(());
        }
        *json = before;
        self.put_misfit(json, context, depth)
    }

    /// A value that is not of the column's type: the column's first, one that its declaration may still take, or one
    /// that widens it.
    #[cold]
    fn put_misfit(&mut self, json: &mut Json<'_>, context: &mut Context<'_>, depth: usize) -> Result<(), Refusal> {
        if self.declared {
            declared::put(&mut self.data, json)?;
            self.nulls.push_valid();
        } else if matches!(self.data, Data::Null) {
            let rows = self.len();
            self.data = Data::new(&next_type(json, context.shape, depth));
            self.data.push_defaults(rows);
            if !self.data.put(json.peek(), json, context, depth)? {
                return Err("its text is not JSON".into());
            }
            self.nulls.push_valid();
        } else {
            self.widen(json, context, depth);
        }
        Ok(())
    }

    #[cold]
    fn widen(&mut self, json: &mut Json<'_>, context: &mut Context<'_>, depth: usize) {
        let present = self.wider.take().unwrap_or_else(|| self.data.column_type());
        let mut value_type = next_type(json, context.shape, depth);
        let text = json.value();
        if matches!((&present, &value_type), (ColumnType::Decimal { .. }, ColumnType::Float)) {
            // An exact column stays exact: the fraction is taken by its digits, not as a double.
            value_type = Number::parse_decimal(text).column_type();
        }
        self.wider = Some(present.join(&value_type));
        context.widened = true;
    }

    /// Appends nulls up to `len` rows.
    #[inline]
    pub(crate) fn pad(&mut self, len: usize) {
        let missing = len.saturating_sub(self.len());
        if missing > 0 {
            self.nulls.push_nulls(missing);
            self.data.push_defaults(missing);
        }
    }

    /// Takes rows back, down to `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.nulls.truncate(len);
        self.data.truncate(len); // also what a refused value left inside
    }

    /// Forgets the rows and takes on what was learned about types.
    pub(crate) fn restart(&mut self) {
        self.nulls = Nulls::default();
        match (self.wider.take(), &mut self.data) {
            (Some(wider), data) => *data = Data::new(&wider),
            (None, Data::Struct(record)) => record.restart(),
            (None, Data::List(list)) => list.restart(),
            (None, data) => data.truncate(0),
        }
    }

    pub(crate) fn column_type(&self) -> ColumnType {
        self.data.column_type()
    }

    /// Whether the row holds a value.
    pub(crate) fn is_valid(&self, row: usize) -> bool {
        self.nulls.is_valid(row)
    }

    /// The row's value as a cursor; `None` where it is null or of a type that cannot be one.
    pub(crate) fn cursor_value(&self, row: usize) -> Option<CursorValue> {
        if self.wider.is_some() || !self.is_valid(row) {
            return None;
        }
        Some(match &self.data {
            Data::Int { values, .. } => CursorValue::Int(values[row]),
            Data::Timestamp(values) => CursorValue::Timestamp(values[row]),
            Data::LocalTimestamp(values) => CursorValue::LocalTimestamp(values[row]),
            Data::Date(values) => CursorValue::Date(values[row]),
            Data::Text(texts) => CursorValue::Text(String::from_utf8_lossy(texts.get(row)).into_owned()),
            _ => return None,
        })
    }
}

impl Data {
    pub(crate) fn new(column_type: &ColumnType) -> Self {
        match column_type {
            ColumnType::Null => Self::Null,
            ColumnType::Bool => Self::Bool(BooleanBufferBuilder::new(0)),
            ColumnType::Int => Self::Int { values: Vec::new(), big: false },
            ColumnType::BigInt => Self::Int { values: Vec::new(), big: true },
            ColumnType::Float => Self::Float(Vec::new()),
            ColumnType::Decimal { precision, scale } => {
                Self::Decimal { values: Vec::new(), precision: *precision, scale: *scale }
            }
            ColumnType::Timestamp => Self::Timestamp(Vec::new()),
            ColumnType::LocalTimestamp => Self::LocalTimestamp(Vec::new()),
            ColumnType::Date => Self::Date(Vec::new()),
            ColumnType::Text => Self::Text(Texts::default()),
            ColumnType::Json => Self::Json(Texts::default()),
            ColumnType::Struct(fields) => Self::Struct(Box::new(RecordBuilder::nested(fields))),
            ColumnType::List(inner) => Self::List(Box::new(ListData::new(inner))),
        }
    }

    pub(crate) fn column_type(&self) -> ColumnType {
        match self {
            Self::Null => ColumnType::Null,
            Self::Bool(_) => ColumnType::Bool,
            Self::Int { big: false, .. } => ColumnType::Int,
            Self::Int { big: true, .. } => ColumnType::BigInt,
            Self::Float(_) => ColumnType::Float,
            Self::Decimal { precision, scale, .. } => ColumnType::Decimal { precision: *precision, scale: *scale },
            Self::Timestamp(_) => ColumnType::Timestamp,
            Self::LocalTimestamp(_) => ColumnType::LocalTimestamp,
            Self::Date(_) => ColumnType::Date,
            Self::Text(_) => ColumnType::Text,
            Self::Json(_) => ColumnType::Json,
            Self::Struct(record) => ColumnType::Struct(record.schema()),
            Self::List(list) => ColumnType::List(Box::new(list.child.column_type())),
        }
    }

    /// Appends the next value if it is of this type; whether it was. If not, `json` may have moved.
    #[inline]
    fn put(
        &mut self,
        first: u8,
        json: &mut Json<'_>,
        context: &mut Context<'_>,
        depth: usize,
    ) -> Result<bool, Refusal> {
        match (self, first) {
            (Self::Text(texts), b'"') => {
                let text = json.string();
                texts.push(|into| text.decode_into(into, &mut context.surrogate));
            }
            (Self::Int { values, big }, b'-' | b'0'..=b'9') => {
                let Number::Int(value) = Number::parse(json.number()) else { return Ok(false) };
                *big |= value.unsigned_abs() > FLOAT_EXACT.unsigned_abs();
                values.push(value);
            }
            (Self::Float(values), b'-' | b'0'..=b'9') => match Number::parse(json.number()) {
                Number::Float(value) => values.push(value),
                #[expect(clippy::cast_precision_loss, reason = "checked to be exact")]
                Number::Int(value) if value.unsigned_abs() <= FLOAT_EXACT.unsigned_abs() => values.push(value as f64),
                _ => return Ok(false),
            },
            (Self::Bool(values), b't' | b'f') => {
                values.append(first == b't');
                json.literal();
            }
            (Self::Struct(record), b'{') => record.put(json, context, depth + 1)?,
            (Self::List(list), b'[') => list.put(json, context, depth + 1)?,
            (Self::Json(texts), _) => {
                let text = json.value();
                texts.push(|into| json::copy_into(text, into, &mut context.surrogate));
            }
            (Self::Decimal { values, precision, scale }, b'-' | b'0'..=b'9') => {
                let Some(value) = Number::parse_decimal(json.number()).at_scale(*precision, *scale) else {
                    return Ok(false);
                };
                values.push(value);
            }
            (Self::Timestamp(values), b'"') => match moment(json) {
                Some(Moment::Timestamp(micros)) => values.push(micros),
                _ => return Ok(false),
            },
            (Self::LocalTimestamp(values), b'"') => match moment(json) {
                Some(Moment::Local(micros)) => values.push(micros),
                _ => return Ok(false),
            },
            (Self::Date(values), b'"') => match moment(json) {
                Some(Moment::Date(days)) => values.push(days),
                _ => return Ok(false),
            },
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn push_defaults(&mut self, count: usize) {
        match self {
            Self::Null => {}
            Self::Bool(values) => values.append_n(count, false),
            Self::Int { values, .. } | Self::Timestamp(values) | Self::LocalTimestamp(values) => {
                values.resize(values.len() + count, 0);
            }
            Self::Float(values) => values.resize(values.len() + count, 0.0),
            Self::Decimal { values, .. } => values.resize(values.len() + count, 0),
            Self::Date(values) => values.resize(values.len() + count, 0),
            Self::Text(texts) | Self::Json(texts) => texts.push_empty(count),
            Self::Struct(record) => record.rows += count,
            Self::List(list) => list.ends.resize(list.ends.len() + count, list.end()),
        }
    }

    fn truncate(&mut self, len: usize) {
        match self {
            Self::Null => {}
            Self::Bool(values) => values.truncate(len.min(values.len())),
            Self::Int { values, .. } | Self::Timestamp(values) | Self::LocalTimestamp(values) => values.truncate(len),
            Self::Float(values) => values.truncate(len),
            Self::Decimal { values, .. } => values.truncate(len),
            Self::Date(values) => values.truncate(len),
            Self::Text(texts) | Self::Json(texts) => texts.truncate(len),
            Self::Struct(record) => record.truncate(len),
            Self::List(list) => list.truncate(len),
        }
    }
}

#[inline]
fn moment(json: &mut Json<'_>) -> Option<Moment> {
    let text = json.string();
    if text.escaped { None } else { Moment::parse(text.bytes) }
}

impl ListData {
    fn new(inner: &ColumnType) -> Self {
        Self { ends: Vec::new(), child: Column::new(inner, false), names: Names::of_table() }
    }

    fn end(&self) -> i32 {
        self.ends.last().copied().unwrap_or(0)
    }

    fn put(&mut self, json: &mut Json<'_>, context: &mut Context<'_>, depth: usize) -> Result<(), Refusal> {
        let apart = context.shape.lists == Lists::ChildTables;
        let flatten = apart && context.shape.nested == Nested::Flatten;
        let outer_flatten = std::mem::replace(&mut context.flatten, flatten);
        let outer_prefix = std::mem::take(&mut context.prefix);
        std::mem::swap(&mut context.names, &mut self.names);
        json.step();
        let mut outcome = Ok(());
        while outcome.is_ok() && json.more() {
            outcome = self.child.put(json, context, depth);
        }
        std::mem::swap(&mut context.names, &mut self.names);
        context.prefix = outer_prefix;
        context.flatten = outer_flatten;
        outcome?;
        self.ends.push(i32::try_from(self.child.len()).expect("a part of a page holds less than 2^31 values"));
        Ok(())
    }

    fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        self.child.truncate(usize::try_from(self.end()).unwrap_or(0));
    }

    fn restart(&mut self) {
        self.ends.clear();
        self.child.restart();
    }
}

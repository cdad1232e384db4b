//! The records behind a paged API: listed or made on demand, ordered and filtered.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Value;

use crate::fake_api::Request;

/// How a field compares to a query parameter for its record to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `field >= parameter`: an inclusive cursor.
    AtLeast,
    /// `field > parameter`: an exclusive cursor.
    After,
    /// `field <= parameter`.
    AtMost,
    /// `field < parameter`.
    Before,
}

#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) field: String,
    pub(super) comparison: Comparison,
    pub(super) parameter: String,
}

impl Filter {
    fn passes(&self, record: &Value, parameter: &str) -> bool {
        let Some(field) = record.get(&self.field).filter(|value| !value.is_null()) else { return false };
        let order = compare_with_text(field, parameter);
        match self.comparison {
            Comparison::AtLeast => order.is_ge(),
            Comparison::After => order.is_gt(),
            Comparison::AtMost => order.is_le(),
            Comparison::Before => order.is_lt(),
        }
    }
}

#[derive(Clone)]
pub(super) enum Dataset {
    Listed(Vec<Value>),
    Generated(usize, Arc<dyn Fn(usize) -> Value + Send + Sync>),
}

impl Dataset {
    /// The records as a list, made now if they were not.
    pub(super) fn listed(&mut self) -> &mut Vec<Value> {
        if let Self::Generated(count, make) = self {
            *self = Self::Listed((0..*count).map(|index| make(index)).collect());
        }
        match self {
            Self::Listed(records) => records,
            Self::Generated(..) => unreachable!("it was listed above"),
        }
    }

    pub(super) fn sort(&mut self, field: &str, ascending: bool) {
        self.listed().sort_by(|a, b| {
            let order = compare(a.get(field), b.get(field));
            if ascending { order } else { order.reverse() }
        });
    }

    /// `limit` records from `offset` on among those that pass the filters, and how many pass in all.
    pub(super) fn stretch(
        &self,
        filters: &[Filter],
        request: &Request,
        offset: usize,
        limit: usize,
    ) -> (Vec<Cow<'_, Value>>, usize) {
        let asked: Vec<(&Filter, &str)> =
            filters.iter().filter_map(|filter| Some((filter, request.query(&filter.parameter)?))).collect();
        match self {
            Self::Generated(count, make) => {
                let end = offset.saturating_add(limit).min(*count);
                ((offset.min(end)..end).map(|index| Cow::Owned(make(index))).collect(), *count)
            }
            Self::Listed(records) if asked.is_empty() => {
                let stretch = records.iter().skip(offset).take(limit).map(Cow::Borrowed).collect();
                (stretch, records.len())
            }
            Self::Listed(records) => {
                let passing: Vec<&Value> = records
                    .iter()
                    .filter(|record| asked.iter().all(|(filter, parameter)| filter.passes(record, parameter)))
                    .collect();
                let stretch = passing.iter().skip(offset).take(limit).map(|record| Cow::Borrowed(*record)).collect();
                (stretch, passing.len())
            }
        }
    }
}

fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        },
        (Some(Value::String(a)), Some(Value::String(b))) => a.cmp(b),
        (Some(a), Some(b)) => a.to_string().cmp(&b.to_string()),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

fn compare_with_text(field: &Value, text: &str) -> Ordering {
    match field {
        Value::Number(_) => match serde_json::from_str::<Value>(text) {
            Ok(number @ Value::Number(_)) => compare(Some(field), Some(&number)),
            _ => field.to_string().as_str().cmp(text),
        },
        Value::String(field) => field.as_str().cmp(text),
        other => other.to_string().as_str().cmp(text),
    }
}

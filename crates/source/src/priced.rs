//! What a response is priced by: its records, and the units that it tells.

use spile_http::{Content, Response};
use spile_model::money::parse_amount;
use spile_plan::{PricePlan, TokenSource};

use crate::extract::Extracted;
use crate::pagination::Wanted;

/// How the responses of one stream are priced, besides by their number.
pub(crate) struct Priced {
    by_content: bool,
    units: Option<Units>,
}

/// Where a response tells its units.
enum Units {
    Body(usize),
    Header(String),
}

impl Priced {
    /// For the stream's price, where it has one; the path that it needs is added to `wanted`.
    pub(crate) fn new(price: Option<&PricePlan>, wanted: &mut Wanted) -> Self {
        let units = price.and_then(|price| price.per_unit.as_ref()).map(|unit| match &unit.units {
            TokenSource::Body(path) => Units::Body(wanted.add(path)),
            TokenSource::Header(name) => Units::Header(name.clone()),
        });
        Self { by_content: units.is_some() || price.is_some_and(|price| !price.per_record.is_zero()), units }
    }

    /// What this response is priced by; nothing where only requests have a price.
    pub(crate) fn content(&self, response: &Response, extracted: &Extracted) -> Option<Content> {
        let units = match &self.units {
            None => None,
            Some(Units::Body(index)) => extracted.signals.get(*index).and_then(|signal| signal.as_amount()),
            Some(Units::Header(name)) => response.header(name.as_str()).and_then(|text| parse_amount(text).ok()),
        };
        let records = (extracted.records.len() + extracted.rejects.len()) as u64;
        self.by_content.then_some(Content { records, units })
    }
}

//! What a response is priced by: its records, and the units that it tells.

use spile_http::{Content, Response};
use spile_model::money::parse_amount;
use spile_plan::PricePlan;

use crate::extract::Extracted;
use crate::pagination::Wanted;
use crate::place::Place;

/// How the responses of one stream are priced, besides by their number.
pub(crate) struct Priced {
    by_content: bool,
    units: Option<Place>,
}

impl Priced {
    /// For the stream's price, where it has one; the path that it needs is added to `wanted`.
    pub(crate) fn new(price: Option<&PricePlan>, wanted: &mut Wanted) -> Self {
        let units = price.and_then(|price| price.per_unit.as_ref()).map(|unit| Place::new(&unit.units, wanted));
        Self { by_content: units.is_some() || price.is_some_and(|price| !price.per_record.is_zero()), units }
    }

    /// What this response is priced by; nothing where only requests have a price.
    pub(crate) fn content(&self, response: &Response, extracted: &Extracted) -> Option<Content> {
        let text = self.units.as_ref().and_then(|units| units.text(response, &extracted.signals));
        let units = text.and_then(|text| parse_amount(text).ok());
        let records = (extracted.records.len() + extracted.rejects.len()) as u64;
        self.by_content.then_some(Content { records, units })
    }
}

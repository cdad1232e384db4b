//! The sample data: a shop's customers and orders, the same on every machine.
//!
//! A day in the shop is a number, 0 for all that was before. On each later day some orders are placed, some move on
//! to their next status, some customers come and some move house. What a record looks like on a day follows from its
//! number and the day alone, so nothing is stored and every page can be made when it is asked for.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// 2025-06-01T00:00:00Z, when day 1 begins; in seconds since 1970.
const OPENING: i64 = 1_748_736_000;
const DAY: i64 = 86_400;

const FIRST_NAMES: [&str; 16] = [
    "Ada", "Bruno", "Chen", "Dalia", "Emeka", "Freya", "Goran", "Hana", "Ines", "Jonas", "Keiko", "Lars", "Mira",
    "Noor", "Otto", "Priya",
];
const LAST_NAMES: [&str; 16] = [
    "Adeyemi",
    "Berg",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "García",
    "Horváth",
    "Ito",
    "Jensen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Nowak",
    "Okafor",
    "Popescu",
];
const CITIES: [(&str, &str, f64, f64); 10] = [
    ("Bergen", "NO", 60.39, 5.32),
    ("Brno", "CZ", 49.2, 16.61),
    ("Ghent", "BE", 51.05, 3.72),
    ("Graz", "AT", 47.07, 15.44),
    ("Lyon", "FR", 45.76, 4.84),
    ("Porto", "PT", 41.15, -8.61),
    ("Tartu", "EE", 58.38, 26.72),
    ("Turku", "FI", 60.45, 22.27),
    ("Utrecht", "NL", 52.09, 5.12),
    ("Würzburg", "DE", 49.79, 9.95),
];
const STREETS: [&str; 6] =
    ["Maple Street", "Mill Lane", "Harbour Road", "Market Square", "Station Road", "Hill Street"];
const PRODUCTS: [(&str, &str, u64); 12] = [
    ("SYR-250", "Maple syrup, amber, 250 ml", 1_190),
    ("SYR-500", "Maple syrup, amber, 500 ml", 1_990),
    ("SYR-DRK", "Maple syrup, very dark, 250 ml", 1_290),
    ("SUG-200", "Maple sugar, 200 g", 990),
    ("BUT-300", "Maple butter, 300 g", 1_150),
    ("CAN-100", "Maple candy, 100 g", 640),
    ("TEA-050", "Maple tea, 50 g", 720),
    ("SPI-007", "Tree spile, 7/16 inch", 350),
    ("BKT-010", "Sap bucket, 10 l", 2_450),
    ("LID-010", "Lid for sap bucket", 780),
    ("HYD-001", "Hydrometer", 1_840),
    ("FIL-005", "Syrup filter, pack of 5", 1_420),
];
const STATUSES: [&str; 4] = ["placed", "packed", "shipped", "delivered"];
const NOTES: [&str; 4] = ["Leave with the neighbour", "Gift wrap, please", "Ring twice", "No plastic, thank you"];

/// A kind of record. Records are numbered from 1.
pub(crate) struct Kind {
    /// How many there are before the first day.
    first: u64,
    /// How many come each day.
    new: u64,
    /// One record in so many changes on a day.
    one_in: u64,
    coming: Draw,
    changing: Draw,
    changed_at: Draw,
    write: fn(u64, &Life) -> Value,
}

/// One customer in so many moves house on a day.
pub(crate) const CUSTOMERS: Kind = Kind {
    first: 2_000,
    new: 15,
    one_in: 90,
    coming: Draw::CustomerComing,
    changing: Draw::CustomerChanging,
    changed_at: Draw::CustomerChangedAt,
    write: customer,
};

/// One order in so many moves on to its next status on a day.
pub(crate) const ORDERS: Kind = Kind {
    first: 8_000,
    new: 120,
    one_in: 40,
    coming: Draw::OrderComing,
    changing: Draw::OrderChanging,
    changed_at: Draw::OrderChangedAt,
    write: order,
};

/// What has happened to a record up to a day.
struct Life {
    /// The day on which it came.
    came: u64,
    /// How often it has changed since.
    changes: usize,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Kind {
    /// How many there are on a day.
    pub(crate) fn count(&self, day: u64) -> u64 {
        self.first + day * self.new
    }

    /// The first day on which there are so many.
    pub(crate) fn day_with(&self, count: u64) -> u64 {
        count.saturating_sub(self.first).div_ceil(self.new)
    }

    /// When the record of that number was last changed, as of a day.
    pub(crate) fn updated_at(&self, id: u64, day: u64) -> Timestamp {
        self.life(id, day).updated_at
    }

    /// The record of that number, as of a day.
    pub(crate) fn record(&self, id: u64, day: u64) -> Value {
        (self.write)(id, &self.life(id, day))
    }

    fn life(&self, id: u64, today: u64) -> Life {
        let came = self.day_with(id);
        let created_at = moment(came, self.coming, id);
        let changes: Vec<u64> = (came + 1..=today)
            .filter(|day| drawn(self.changing, id ^ day.rotate_left(32)).is_multiple_of(self.one_in))
            .collect();
        let updated_at = changes.last().map_or(created_at, |&day| moment(day, self.changed_at, id));
        Life { came, changes: changes.len(), created_at, updated_at }
    }
}

fn customer(id: u64, life: &Life) -> Value {
    let chance = drawn(Draw::Customer, id);
    let home = drawn(Draw::Home, id.wrapping_mul(31).wrapping_add(life.changes as u64));
    let (city, country, latitude, longitude) = *pick(&CITIES, home);
    let (first, last) = (*pick(&FIRST_NAMES, chance), *pick(&LAST_NAMES, chance >> 8));
    json!({
        "id": format!("cus_{id:05}"),
        "name": format!("{first} {last}"),
        "email": format!("{}.{id}@example.com", first.to_lowercase()),
        "newsletter": chance.is_multiple_of(3),
        "address": {
            "street": format!("{} {}", pick(&STREETS, home >> 8), home % 180 + 1),
            "city": city,
            "country": country,
            "geo": { "latitude": latitude, "longitude": longitude },
        },
        "created_at": life.created_at.to_string(),
        "updated_at": life.updated_at.to_string(),
    })
}

fn order(id: u64, life: &Life) -> Value {
    let chance = drawn(Draw::Order, id);
    // What was ordered before the first day has mostly arrived.
    let began = match life.came {
        0 => 3 - usize::from(chance.is_multiple_of(9)) - usize::from(chance.is_multiple_of(27)),
        _ => 0,
    };
    let (lines, cents) = lines(id);
    json!({
        "id": id,
        "customer_id": format!("cus_{:05}", chance % CUSTOMERS.count(life.came) + 1),
        "status": STATUSES[(began + life.changes).min(STATUSES.len() - 1)],
        "currency": "EUR",
        "total": cents_as_number(cents),
        "lines": lines,
        "shipping": { "method": if chance.is_multiple_of(5) { "express" } else { "standard" }, "days": chance % 4 + 1 },
        "note": chance.is_multiple_of(7).then(|| *pick(&NOTES, chance >> 4)),
        "placed_at": life.created_at.to_string(),
        "updated_at": life.updated_at.to_string(),
    })
}

fn lines(order: u64) -> (Vec<Value>, u64) {
    let count = drawn(Draw::LineCount, order) % 4 + 1;
    let mut total = 0;
    let lines = (0..count)
        .map(|place| {
            let chance = drawn(Draw::Line, order * 8 + place);
            let (sku, name, cents) = *pick(&PRODUCTS, chance);
            let quantity = (chance >> 16 & 3) + 1;
            total += quantity * cents;
            json!({ "sku": sku, "name": name, "quantity": quantity, "unit_price": cents_as_number(cents) })
        })
        .collect();
    (lines, total)
}

#[expect(clippy::cast_precision_loss, reason = "sums of a shop are far below 2^53 cents")]
fn cents_as_number(cents: u64) -> f64 {
    cents as f64 / 100.0
}

/// A moment on that day; day 0 is the year before the opening.
fn moment(day: u64, draw: Draw, id: u64) -> Timestamp {
    let within = drawn(draw, id ^ day.rotate_left(32));
    let (begin, length) = match i64::try_from(day) {
        Ok(day) if day > 0 => (OPENING + (day - 1) * DAY, DAY),
        _ => (OPENING - 365 * DAY, 365 * DAY),
    };
    let seconds = begin + i64::try_from(within % length.unsigned_abs()).unwrap_or(0);
    Timestamp::UNIX_EPOCH.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn pick<T>(from: &[T], chance: u64) -> &T {
    let at = chance % from.len() as u64;
    // The remainder is below the length of a slice, which fits.
    &from[usize::try_from(at).unwrap_or(0)]
}

/// What a number is drawn for; each draws its own.
#[derive(Clone, Copy)]
enum Draw {
    Customer = 1,
    CustomerChanging,
    Home,
    CustomerComing,
    CustomerChangedAt,
    Order,
    OrderChanging,
    OrderComing,
    OrderChangedAt,
    LineCount,
    Line,
}

/// A number that looks like chance and is always the same (the finish of SplitMix64).
fn drawn(draw: Draw, number: u64) -> u64 {
    let mut mixed =
        number.wrapping_add((draw as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn all(kind: &Kind, day: u64) -> Vec<Value> {
        (1..=kind.count(day)).map(|id| kind.record(id, day)).collect()
    }

    #[test]
    fn the_first_day_has_the_whole_past() {
        assert_eq!((all(&CUSTOMERS, 0).len(), all(&ORDERS, 0).len()), (2_000, 8_000));
        let opening = Timestamp::from_second(OPENING).unwrap().to_string();
        assert!(all(&ORDERS, 0).iter().all(|order| order["updated_at"].as_str().unwrap() < opening.as_str()));
    }

    #[test]
    fn each_day_brings_new_records_and_changes_some_and_touches_no_other() {
        for day in 1..4 {
            let before = all(&ORDERS, day - 1);
            let after = all(&ORDERS, day);
            assert_eq!(after.len() - before.len(), 120);
            let since = Timestamp::from_second(OPENING + (i64::try_from(day).unwrap() - 1) * DAY).unwrap().to_string();
            let changed = before.iter().zip(&after).filter(|(old, new)| old != new).count();
            assert!((100..400).contains(&changed), "{changed}");
            for (old, new) in before.iter().zip(&after) {
                assert_eq!(old != new, new["updated_at"].as_str().unwrap() >= since.as_str(), "{old} {new}");
            }
        }
    }

    #[test]
    fn a_total_is_the_sum_of_its_lines() {
        let order = ORDERS.record(17, 0);
        let sum: f64 = order["lines"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["quantity"].as_f64().unwrap() * line["unit_price"].as_f64().unwrap())
            .sum();
        assert!((sum - order["total"].as_f64().unwrap()).abs() < 0.005);
    }
}

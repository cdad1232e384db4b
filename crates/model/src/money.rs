//! Amounts of money, exactly: a sum of many small prices must be the sum, not nearly so.

use std::fmt;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// An amount in one currency. Exact to 28 digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    /// How much.
    pub amount: Decimal,
    /// A currency's code (`USD`), or the API's own unit (`credits`).
    pub currency: Arc<str>,
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount.normalize(), self.currency)
    }
}

/// The amount is text: a reader that took it for a number would round it.
impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Money", 2)?;
        fields.serialize_field("amount", &self.amount.normalize().to_string())?;
        fields.serialize_field("currency", &self.currency)?;
        fields.end()
    }
}

/// So many decimals a price has at most: those that a table of amounts keeps (`DECIMAL(38, 18)`).
const MOST_DECIMALS: u32 = 18;

/// Of one request or record; the sum of ten thousand million of these still has room in a table of amounts.
const DEAREST: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);

/// Reads a price from zero to a thousand million, with up to 18 decimals.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn parse_price(text: &str) -> Result<Decimal, String> {
    let price = parse_amount(text)?;
    let text = text.trim();
    if price.normalize().scale() > MOST_DECIMALS {
        return Err(format!("`{text}` has more decimals than a price can have ({MOST_DECIMALS})"));
    }
    if price > DEAREST {
        return Err(format!("`{text}` is more than a price can be ({DEAREST})"));
    }
    Ok(price)
}

/// Reads an amount that is not below zero: `0.002`, `5`, `1e-3`.
///
/// # Errors
/// A sentence that says what is wrong; also where the amount has more than 28 digits, so that it would be rounded.
pub fn parse_amount(text: &str) -> Result<Decimal, String> {
    let text = text.trim();
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let refused = || format!("`{text}` is not an amount; write for example 0.002");
    let mantissa = Decimal::from_str_exact(mantissa).map_err(|error| match error {
        rust_decimal::Error::ErrorString(_) => refused(),
        _ => format!("`{text}` has more digits than an amount can have (28)"),
    })?;
    if mantissa.is_sign_negative() && !mantissa.is_zero() {
        return Err(format!("`{text}` is below zero"));
    }
    let exponent: i64 = exponent.parse().map_err(|_| refused())?;
    scaled(mantissa, exponent).ok_or_else(|| format!("`{text}` has more digits than an amount can have (28)"))
}

/// `mantissa` times ten to the power of `exponent`, where that is exact.
fn scaled(mantissa: Decimal, exponent: i64) -> Option<Decimal> {
    let scale = i64::from(mantissa.scale()).checked_sub(exponent)?;
    if let Ok(scale) = u32::try_from(scale) {
        return Decimal::try_from_i128_with_scale(mantissa.mantissa(), scale).ok();
    }
    let factor = 10_i128.checked_pow(u32::try_from(-scale).ok()?)?;
    Decimal::try_from_i128_with_scale(mantissa.mantissa().checked_mul(factor)?, 0).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shown(text: &str) -> String {
        parse_amount(text).unwrap().normalize().to_string()
    }

    #[test]
    fn amounts_are_read_as_people_and_apis_write_them() {
        for (text, amount) in [
            ("0.002", "0.002"),
            (" 5 ", "5"),
            ("1.50", "1.5"),
            ("0", "0"),
            ("2.5e-9", "0.0000000025"),
            ("12E2", "1200"),
            ("0.0000000000000000000000000001", "0.0000000000000000000000000001"),
        ] {
            assert_eq!(shown(text), amount, "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_or_would_be_rounded_is_refused() {
        for text in ["", "x", "1,5", "-1", "NaN", "1e", "1e99", "1e-29", "0.00000000000000000000000000001", "9e400"] {
            assert!(parse_amount(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_price_is_one_whose_sums_can_be_stored() {
        for text in ["1e-18", "0.0010000000000000000000", "1000000000"] {
            assert_eq!(parse_price(text), parse_amount(text), "{text}");
        }
        for text in ["1e-19", "0.0000000000000000001", "1000000000.1", "1e22", "x"] {
            assert!(parse_price(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_thousand_small_prices_are_their_sum() {
        let price = parse_amount("0.1").unwrap();
        let sum: Decimal = (0..1000).map(|_| price).sum();
        let money = Money { amount: sum, currency: "USD".into() };
        assert_eq!(money.to_string(), "100 USD");
        assert_eq!(serde_json::to_string(&money).unwrap(), r#"{"amount":"100","currency":"USD"}"#);
    }
}

//! What a JSON number is, exactly: read from its text, never through a double.

use spile_model::ColumnType;
use spile_model::column::MAX_DECIMAL_PRECISION;

/// Whole numbers up to here in either direction are doubles too.
pub(crate) const FLOAT_EXACT: i64 = 1 << 53;

/// A number in the narrowest form that holds it exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    /// A double whose shortest text denotes the same number.
    Float(f64),
    /// `digits` × 10^-`scale`.
    Decimal {
        digits: i128,
        precision: u8,
        scale: u8,
    },
    /// Beyond all of these.
    Huge,
}

impl Number {
    /// Reads a number's text, which is valid JSON.
    #[inline]
    pub(crate) fn parse(text: &[u8]) -> Self {
        short(text).unwrap_or_else(|| Parts::split(text).map_or(Self::Huge, Parts::classify))
    }

    /// Reads a number's text as an exact decimal: [`Number::Decimal`] or [`Number::Huge`].
    pub(crate) fn parse_decimal(text: &[u8]) -> Self {
        Parts::split(text).filter(|parts| !parts.long).map_or(Self::Huge, Parts::into_decimal)
    }

    /// The digits of a [`Number::Decimal`] at a column's scale; `None` where it is beyond its precision or finer.
    pub(crate) fn at_scale(self, precision: u8, scale: u8) -> Option<i128> {
        let Self::Decimal { digits, scale: own, .. } = self else { return None };
        rescale(digits, own, precision, scale)
    }

    pub(crate) fn column_type(self) -> ColumnType {
        match self {
            Self::Int(value) if value.unsigned_abs() <= FLOAT_EXACT.unsigned_abs() => ColumnType::Int,
            Self::Int(_) => ColumnType::BigInt,
            Self::Float(_) => ColumnType::Float,
            Self::Decimal { precision, scale, .. } => ColumnType::Decimal { precision, scale },
            Self::Huge => ColumnType::Json,
        }
    }
}

/// The usual cases: a whole number of up to 18 digits, and a fraction of up to 15 without an exponent.
#[inline]
fn short(text: &[u8]) -> Option<Number> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut value = 0_i64;
    let mut point = None;
    for (at, &byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + i64::from(digit);
        } else if byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            return None;
        }
    }
    let Some(point) = point else { return Some(Number::Int(if negative { -value } else { value })) };
    if digits.len() > FLOAT_DIGITS + 1 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "15 digits are exact in a double")]
    let float = value as f64 / POWERS[digits.len() - 1 - point]; // rounded once, as in `Parts::to_float`
    Some(Number::Float(if negative { -float } else { float }))
}

/// Numbers of so many digits are exact in a double.
const FLOAT_DIGITS: usize = 15;

/// A number as its significant digits and a power of ten.
struct Parts<'a> {
    text: &'a [u8],
    negative: bool,
    /// Without leading zeros; at most [`MAX_DECIMAL_PRECISION`] of them are kept.
    digits: u128,
    count: u32,
    /// More digits than were kept.
    long: bool,
    exponent: i64,
    /// Written with a point or an exponent.
    fractional: bool,
}

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

impl<'a> Parts<'a> {
    #[inline]
    fn split(text: &'a [u8]) -> Option<Self> {
        let mut parts =
            Self { text, negative: false, digits: 0, count: 0, long: false, exponent: 0, fractional: false };
        let mut after_point = false;
        for (at, &byte) in text.iter().enumerate() {
            match byte {
                b'-' => parts.negative = true,
                b'.' => (after_point, parts.fractional) = (true, true),
                b'e' | b'E' => {
                    parts.fractional = true;
                    let exponent: i64 = std::str::from_utf8(&text[at + 1..]).ok()?.parse().ok()?;
                    parts.exponent = parts.exponent.checked_add(exponent)?;
                    break;
                }
                b'0'..=b'9' => {
                    parts.digit(byte - b'0');
                    parts.exponent -= i64::from(after_point);
                }
                _ => return None,
            }
        }
        Some(parts)
    }

    #[inline]
    fn digit(&mut self, digit: u8) {
        if self.count == 0 && digit == 0 {
            return;
        }
        if self.count < u32::from(MAX_DECIMAL_PRECISION) {
            self.digits = self.digits * 10 + u128::from(digit);
            self.count += 1;
        } else {
            self.long = true;
        }
    }

    #[inline]
    fn classify(self) -> Number {
        if self.long {
            return Number::Huge;
        }
        if !self.fractional {
            if let Some(value) = self.to_i64() {
                return Number::Int(value);
            }
        } else if let Some(value) = self.to_float() {
            return Number::Float(value);
        }
        self.into_decimal()
    }

    fn to_i64(&self) -> Option<i64> {
        let value = i128::try_from(self.digits).ok()?;
        i64::try_from(if self.negative { -value } else { value }).ok()
    }

    /// A double, where its shortest text denotes this very number: always so with up to 15 digits in the range of
    /// normal doubles; with up to 17 it is tried.
    #[inline]
    fn to_float(&self) -> Option<f64> {
        if self.digits == 0 {
            return Some(if self.negative { -0.0 } else { 0.0 });
        }
        if self.count as usize <= FLOAT_DIGITS && (-22..=22).contains(&self.exponent) {
            #[expect(clippy::cast_precision_loss, reason = "15 digits are exact in a double")]
            let digits = self.digits as f64;
            let power = POWERS[usize::try_from(self.exponent.unsigned_abs()).ok()?];
            // Both operands are exact, so the one rounding is the right one (Clinger's fast path).
            let value = if self.exponent < 0 { digits / power } else { digits * power };
            return Some(if self.negative { -value } else { value });
        }
        if self.count > 17 {
            return None;
        }
        let value: f64 = std::str::from_utf8(self.text).ok()?.parse().ok()?;
        (value.is_finite() && self.denoted_by(&format!("{value:e}"))).then_some(value)
    }

    /// Whether `shortest`, a double's text, denotes the same number.
    fn denoted_by(&self, shortest: &str) -> bool {
        let Some(other) = Parts::split(shortest.as_bytes()) else { return false };
        let trimmed = |mut digits: u128, mut exponent: i64| {
            while digits != 0 && digits.is_multiple_of(10) {
                (digits, exponent) = (digits / 10, exponent + 1);
            }
            (digits, exponent)
        };
        !other.long && trimmed(self.digits, self.exponent) == trimmed(other.digits, other.exponent)
    }

    fn into_decimal(self) -> Number {
        let Ok(mut digits) = i128::try_from(self.digits) else { return Number::Huge };
        let scale = (-self.exponent).max(0);
        let zeros = self.exponent.max(0);
        let precision = (i64::from(self.count) + zeros).max(scale);
        let (Ok(precision), Ok(scale)) = (u8::try_from(precision), u8::try_from(scale)) else { return Number::Huge };
        if precision > MAX_DECIMAL_PRECISION {
            return Number::Huge;
        }
        for _ in 0..zeros {
            digits *= 10; // within the precision just checked
        }
        Number::Decimal { digits: if self.negative { -digits } else { digits }, precision: precision.max(1), scale }
    }
}

/// `digits` × 10^-`scale` as digits at a column's scale; `None` where they do not fit its precision or would be cut.
fn rescale(digits: i128, scale: u8, to_precision: u8, to_scale: u8) -> Option<i128> {
    let mut digits = digits;
    if to_scale >= scale {
        digits = digits.checked_mul(10_i128.checked_pow(u32::from(to_scale - scale))?)?;
    } else {
        let divisor = 10_i128.checked_pow(u32::from(scale - to_scale))?;
        if digits % divisor != 0 {
            return None;
        }
        digits /= divisor;
    }
    (digits.unsigned_abs() < 10_u128.pow(u32::from(to_precision))).then_some(digits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Number {
        Number::parse(text.as_bytes())
    }

    #[test]
    fn whole_numbers_are_exact_up_to_38_digits() {
        assert_eq!(parse("0"), Number::Int(0));
        assert_eq!(parse("-9223372036854775808"), Number::Int(i64::MIN));
        assert_eq!(parse("9223372036854775807"), Number::Int(i64::MAX));
        let max = Number::Decimal { digits: i128::from(u64::MAX), precision: 20, scale: 0 };
        assert_eq!(parse("18446744073709551615"), max);
        let nines = "9".repeat(38);
        let wide = Number::Decimal { digits: nines.parse().unwrap(), precision: 38, scale: 0 };
        assert_eq!(parse(&nines), wide);
        assert_eq!(parse(&"9".repeat(39)), Number::Huge);
    }

    #[test]
    fn a_fraction_is_a_double_only_where_the_double_says_the_same() {
        assert_eq!(parse("12.34"), Number::Float(12.34));
        assert_eq!(parse("-0.0"), Number::Float(-0.0));
        assert_eq!(parse("1e300"), Number::Float(1e300));
        assert_eq!(parse("0.1234567890123456"), Number::Float(0.123_456_789_012_345_6));
        assert_eq!(parse("5e-324"), Number::Float(5e-324));
        let long = Number::Decimal { digits: 12_345_678_901_234_567_891, precision: 20, scale: 19 };
        assert_eq!(parse("1.2345678901234567891"), long);
        assert_eq!(parse("1E-999"), Number::Huge);
        assert_eq!(parse("1e400"), Number::Huge);
        assert_eq!(parse("1e99999999999999999999"), Number::Huge);
    }

    #[test]
    fn a_column_type_follows_from_the_size() {
        assert_eq!(parse("9007199254740992").column_type(), ColumnType::Int);
        assert_eq!(parse("9007199254740993").column_type(), ColumnType::BigInt);
        assert_eq!(parse("0.5").column_type(), ColumnType::Float);
    }

    #[test]
    fn rescaling_never_cuts_digits() {
        assert_eq!(rescale(125, 2, 10, 4), Some(12_500));
        assert_eq!(rescale(1_250, 3, 10, 2), Some(125));
        assert_eq!(rescale(1_255, 3, 10, 2), None);
        assert_eq!(rescale(99, 0, 2, 1), None);
    }

    proptest::proptest! {
        #[test]
        fn doubles_round_trip(value in proptest::num::f64::NORMAL) {
            let text = format!("{value:e}");
            match parse(&text) {
                Number::Float(read) => proptest::prop_assert_eq!(read.to_bits(), value.to_bits()),
                Number::Int(read) => proptest::prop_assert_eq!(read as f64, value),
                other => proptest::prop_assert!(false, "{} became {:?}", text, other),
            }
        }

        #[test]
        fn decimals_keep_every_digit(digits in "[1-9][0-9]{17,36}", at in 1..17_usize) {
            let text = format!("{}.{}", &digits[..at], &digits[at..]);
            let expected: i128 = digits.parse().unwrap();
            match parse(&text) {
                Number::Decimal { digits: read, scale, .. } => {
                    proptest::prop_assert_eq!(read, expected);
                    proptest::prop_assert_eq!(usize::from(scale), digits.len() - at);
                }
                other => proptest::prop_assert!(false, "{} became {:?}", text, other),
            }
        }
    }
}

//! Filters beyond those that the template language brings.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use minijinja::{Environment, Error, ErrorKind, Value};

/// Adds Spile's filters: `format_date(format)` and `epoch`.
pub(crate) fn install(environment: &mut Environment<'static>) {
    environment.add_filter("format_date", format_date);
    environment.add_filter("epoch", epoch);
}

/// `{{ cursor | format_date("%Y-%m-%d") }}`: an instant (RFC 3339, a date, or epoch seconds) in the given strftime
/// format, in UTC.
fn format_date(value: &Value, format: &str) -> Result<String, Error> {
    let at = instant(value)?.to_zoned(TimeZone::UTC);
    jiff::fmt::strtime::format(format, &at)
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("format_date(\"{format}\"): {error}")))
}

/// `{{ cursor | epoch }}`: an instant as whole seconds since 1970.
fn epoch(value: &Value) -> Result<i64, Error> {
    Ok(instant(value)?.as_second())
}

fn instant(value: &Value) -> Result<Timestamp, Error> {
    let refused = || Error::new(ErrorKind::InvalidOperation, format!("`{value}` is not a date"));
    if let Ok(seconds) = i64::try_from(value.clone()) {
        return Timestamp::from_second(seconds).map_err(|_| refused());
    }
    let text = value.as_str().ok_or_else(refused)?;
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let local: civil::DateTime = text.parse().map_err(|_| refused())?;
    local.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|_| refused())
}

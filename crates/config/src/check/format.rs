//! Text of a certain form: the `format` keyword of the schema, one entry per form.
//!
//! In: the name of the format and the text. Out: nothing, or a sentence that says what is wrong.

use spile_expression::RecordPath;

use crate::column_type;

/// A form of text that has a check of its own.
pub(crate) struct Format {
    /// As the schema says it in `format`.
    pub(crate) name: &'static str,
    /// How messages call it.
    pub(crate) words: &'static str,
    /// What is wrong with a text.
    pub(crate) check: fn(&str) -> Result<(), String>,
    /// Whether a number without quotes is a text of this form without its unit.
    pub(crate) has_unit: bool,
}

/// Every format that the schema may name.
const FORMATS: [Format; 6] = [
    Format {
        name: "spile-duration",
        words: "a time such as `30s`, `15m` or `1h30m`",
        check: |text| spile_model::units::parse_duration(text).map(|_| ()),
        has_unit: true,
    },
    Format {
        name: "spile-size",
        words: "a size such as `512KiB` or `8MiB`",
        check: |text| spile_model::units::parse_size(text).map(|_| ()),
        has_unit: true,
    },
    Format {
        name: "spile-amount",
        words: "an amount such as `0.002` or `5`",
        check: |text| spile_model::money::parse_price(text).map(|_| ()),
        has_unit: false,
    },
    Format {
        name: "json_path",
        words: "a JSONPath such as `$.data.items`",
        check: |text| RecordPath::compile(text).map(|_| ()).map_err(|error| error.to_string()),
        has_unit: false,
    },
    Format {
        name: "column_type",
        words: "`bool`, `int`, `float`, `decimal(18,4)`, `timestamp`, `local_timestamp`, `date`, `text`, `json` or \
                `list(text)`",
        check: |text| column_type::parse(text).map(|_| ()),
        has_unit: false,
    },
    Format {
        name: "destination",
        words: "`duckdb:FILE`, such as `duckdb:github.duckdb`",
        check: check_destination,
        has_unit: false,
    },
];

/// What stands before the colon of a short destination, and the kind that it means.
fn check_destination(text: &str) -> Result<(), String> {
    match text.split_once(':') {
        Some(("duckdb", file)) if !file.trim().is_empty() => Ok(()),
        Some(("duckdb", _)) => Err("the destination names no file".to_owned()),
        Some((kind, _)) if !kind.contains(['.', '/']) => {
            Err(format!("this version of Spile has no destination `{kind}`"))
        }
        _ => Err(format!("`{text}` does not say what kind of destination it is: write `duckdb:{text}`")),
    }
}

pub(crate) fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

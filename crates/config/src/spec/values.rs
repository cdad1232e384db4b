//! The kinds of value that the format is made of: text, quantities, ordered maps, one or many.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use spile_model::{ByteSize, Decimal};

// The formats have names of their own: JSON Schema's `duration` is ISO 8601 (`PT30S`), and an editor would insist on it.

/// What a duration looks like, for editors; [`spile_model::units::parse_duration`] decides.
const DURATION_PATTERN: &str = "^\\s*([0-9]+(ms|s|m|h|d)\\s*)+$";
/// What a size looks like, for editors; [`spile_model::units::parse_size`] decides.
const SIZE_PATTERN: &str = "^\\s*[0-9]+\\s*(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)\\s*$";
/// What an amount looks like, for editors; [`spile_model::money::parse_price`] decides.
const AMOUNT_PATTERN: &str = "^\\s*[0-9]*\\.?[0-9]*([eE][-+]?[0-9]+)?\\s*$";

/// Text, where a number or true or false is taken as the text that was written. May be a template.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text(pub(crate) String);

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"], "x-spile-scalar": "text" })
    }
}

/// A scalar that keeps its kind: text, a number, true or false.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exact(pub(crate) serde_json::Value);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        // A list or a map is another form of the same place.
        if value.is_array() || value.is_object() { Err(D::Error::custom("not a scalar")) } else { Ok(Self(value)) }
    }
}

impl JsonSchema for Exact {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"], "x-spile-scalar": "exact" })
    }
}

/// A time with its unit: `30s`, `15m`, `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DurationText(pub(crate) Duration);

impl<'de> Deserialize<'de> for DurationText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        spile_model::units::parse_duration(&text).map(Self).map_err(D::Error::custom)
    }
}

impl JsonSchema for DurationText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "spile-duration", "pattern": DURATION_PATTERN })
    }
}

/// A number of bytes with its unit: `512KiB`, `8MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SizeText(pub(crate) ByteSize);

impl<'de> Deserialize<'de> for SizeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        spile_model::units::parse_size(&text).map(Self).map_err(D::Error::custom)
    }
}

impl JsonSchema for SizeText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "spile-size", "pattern": SIZE_PATTERN })
    }
}

/// An amount that is not below zero, exactly as it was written: `0.002`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AmountText(pub(crate) Decimal);

impl<'de> Deserialize<'de> for AmountText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        spile_model::money::parse_price(&text).map(Self).map_err(D::Error::custom)
    }
}

impl JsonSchema for AmountText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number"], "format": "spile-amount", "pattern": AMOUNT_PATTERN, "minimum": 0,
            "x-spile-scalar": "text",
        })
    }
}

/// One value, or a list of them.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum OneOrMany<T> {
    One(T),
    Many(#[schemars(length(min = 1))] Vec<T>),
}

impl<T> OneOrMany<T> {
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A map whose keys the user chooses, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Named<T>(pub(crate) Vec<(String, T)>);

impl<T> Named<T> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Vec<(String, T)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Entries(PhantomData)).map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Map_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}

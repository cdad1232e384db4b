//! What the YAML says, as types. The documentation of their fields is the user's manual: it is
//! generated into it, shown by editors, and quoted in messages.
//!
//! In: JSON that was checked against [`schema::json_schema`]. Out: [`PipelineSpec`]. The schema is
//! generated from these types, so that there is one description of the format and not three. They
//! hold what was written, without defaults and without meaning: that is the plan's. What the schema
//! requires is an `Option` where it holds much else together: its lack has been reported, and the rest
//! is looked at all the same.

mod auth;
mod connection;
mod destination;
mod pagination;
mod price;
mod response;
pub(crate) mod schema;
mod source;
mod stream;
mod values;
mod variable;
mod vault;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Error, Map, Value as Json};

pub(crate) use auth::{
    ApiKeySpec, AuthSpec, AuthorizationSpec, AwsSpec, BasicSpec, ChooseSpec, ClientAuthSpec, DigestSpec, GoogleSpec,
    HmacAlgorithmSpec, HmacEncodingSpec, HmacSpec, JwtAlgorithmSpec, JwtBearerSpec, JwtSpec, OAuth2Spec, SessionSpec,
};
pub(crate) use connection::{ProxyForm, ProxySpec, TlsSpec, TlsVersionSpec};
pub(crate) use destination::{CommitSpec, DestinationSpec, DuckDbForm, DuckDbSpec, NamedDestination};
pub(crate) use pagination::{
    InjectionSpec, OffsetSpec, PageNumberSpec, PageTokenSpec, PaginationSpec, PlaceSpec, TokenPlace, TokenSpec,
};
pub(crate) use price::{BudgetSpec, PriceSpec};
pub(crate) use response::{
    AfterSpec, BodyMatchForm, HeaderMatchForm, ResponseRuleSpec, RetrySpec, TextMatchForm, TextMatchSpec,
    TreatmentSpec, UnitSpec,
};
pub(crate) use source::{ApiVersionSpec, SourceSpec, WindowSpec};
pub(crate) use stream::{
    BodySpec, CacheForm, CacheSpec, CostForm, CursorForm, CursorSpec, ListsSpec, LookbackSpec, MethodSpec,
    MissingRecordsSpec, NamesSpec, NestedSpec, OrderSpec, ReuseSpec, StreamDefaults, StreamSpec, WriteSpec,
};
pub(crate) use values::{AmountText, DurationText, Exact, Named, OneOrMany, SizeText, Text};
pub(crate) use variable::{DefaultSpec, VariableForm, VariableSpec};
pub(crate) use vault::{VaultAuthSpec, VaultFieldSpec, VaultSpec};

/// A pipeline: records of an API into tables.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Spile pipeline", extend("x-spile-partial" = true))]
pub(crate) struct PipelineSpec {
    /// The name of the pipeline. Its progress is kept in the destination under this name, so a
    /// pipeline that is renamed starts anew. Letters, digits, `_`, `-` and `.`, at most 128 bytes.
    #[schemars(required, length(min = 1))]
    pub(crate) name: Option<String>,

    /// Values that templates use as `{{ name }}`. The value of a variable is, in this order: what
    /// `--set name=value` says, what its environment variable says, what is in the file or store that it names, its
    /// default.
    pub(crate) variables: Option<Named<VariableForm>>,

    /// Where secrets are kept between runs: those of `spile secret set`, and tokens that rotate. `age:FILE` is a file that
    /// is encrypted with age; a relative path begins at the pipeline file's folder. `keyring:PROJECT` is the keyring of the
    /// user's desktop session (the Secret Service of Linux); pipelines that name the same project share its secrets, and
    /// see none of another's. Default: `age:spile.secrets.age`.
    #[schemars(length(min = 1))]
    pub(crate) secrets: Option<String>,

    /// HashiCorp Vault, for the variables that have their values from it.
    pub(crate) vault: Option<VaultSpec>,

    /// The API: where it is, who asks, and how politely.
    #[schemars(with = "SourceSpec")]
    pub(crate) source: Option<SourceSpec>,

    /// Settings for all streams. A setting that a stream has itself takes the place of the one here, as a whole.
    #[expect(dead_code, reason = "put into each stream before the types are read")]
    pub(crate) defaults: Option<StreamDefaults>,

    /// What to read, by name. Each stream becomes one table.
    #[schemars(required, extend("minProperties" = 1))]
    pub(crate) streams: Option<Named<StreamSpec>>,

    /// What one run may send and spend: `{ max_requests: 10000, max_cost: 5 }`. A run that has spent it is interrupted
    /// (exit code 4), and the next one goes on.
    pub(crate) budget: Option<BudgetSpec>,

    /// Where the tables live: `duckdb:file.duckdb`.
    #[schemars(with = "DestinationSpec")]
    pub(crate) destination: Option<DestinationSpec>,

    /// A folder for an archive: every run is recorded in it, request by request, compressed and without secrets, so that
    /// `spile replay` can make the tables again without asking the API. It is made where there is none; a relative path
    /// begins at the pipeline file's folder. `spile run --record` names another one. Without it, nothing is recorded.
    pub(crate) archive: Option<String>,
}

impl PipelineSpec {
    /// The pipeline's parts, each taken by itself, so that one that does not fit (`misfit` is told) keeps none of the
    /// others from being looked at.
    pub(crate) fn of_parts(mut pipeline: Json, mut misfit: impl FnMut(Error)) -> Self {
        let mut take = |key: &str| pipeline.get_mut(key).map(Json::take).filter(|part| !part.is_null());
        Self {
            name: take("name").and_then(|name| part(name, &mut misfit)),
            variables: take("variables").map(|variables| each(variables, &mut misfit)),
            secrets: take("secrets").and_then(|secrets| part(secrets, &mut misfit)),
            vault: take("vault").and_then(|vault| part(vault, &mut misfit)),
            source: take("source").and_then(|source| part(source, &mut misfit)),
            defaults: None,
            streams: take("streams").map(|streams| each(streams, &mut misfit)),
            budget: take("budget").and_then(|budget| part(budget, &mut misfit)),
            destination: take("destination").and_then(|destination| part(destination, &mut misfit)),
            archive: take("archive").and_then(|archive| part(archive, &mut misfit)),
        }
    }

    /// The streams, in the file's order.
    pub(crate) fn streams(&self) -> impl Iterator<Item = (&str, &StreamSpec)> {
        self.streams.iter().flat_map(Named::iter)
    }
}

fn part<T: DeserializeOwned>(json: Json, misfit: &mut impl FnMut(Error)) -> Option<T> {
    serde_json::from_value(json).map_err(misfit).ok()
}

fn each<T: DeserializeOwned>(json: Json, misfit: &mut impl FnMut(Error)) -> Named<T> {
    let entries = if let Json::Object(entries) = json { entries } else { Map::new() };
    Named(entries.into_iter().filter_map(|(name, entry)| Some((name, part(entry, misfit)?))).collect())
}

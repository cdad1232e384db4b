//! From what the file says to what will run: Spec to Plan.
//!
//! In: a [`PipelineSpec`] whose form was checked, and what the command line and the environment say.
//! Out: a [`PipelinePlan`] in which every name resolves and every default is filled in, or problems,
//! all at once, each with its place. Nothing here knows YAML: places are paths of keys, which
//! [`Places`] turns into spans.

mod archive;
mod auth;
mod connection;
mod credentials;
mod destination;
mod origins;
mod pagination;
mod places;
mod price;
mod response;
mod source;
mod stream;
mod templates;
mod variables;
mod vault;
mod version;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use spile_plan::{PipelinePlan, RetryPlan, Variables};
use url::Url;

use self::credentials::Outside;
pub(crate) use self::credentials::planned_store;
pub use self::credentials::secret_store_named;
pub(crate) use self::places::Places;
pub(crate) use self::templates::Names;
use crate::diagnostic::{Code, Diagnostic};
use crate::load::Settings;
use crate::spec::PipelineSpec;

/// Names are parts of files' names, which are of 255 bytes at most.
const LONGEST_NAME: usize = 128;

/// The names that templates use for things that are not variables.
const RESERVED: [&str; 10] =
    ["cursor", "partition", "parent", "page", "record", "request", "response", "run", "session_token", "signed_jwt"];

/// Makes the plan. `None` when something is wrong; it has then been reported.
pub(crate) fn plan(
    spec: &PipelineSpec,
    settings: &Settings<'_>,
    folder: Option<&Path>,
    places: &mut Places<'_, '_>,
) -> Option<PipelinePlan> {
    let mut planner = Planner {
        places,
        variables: Variables::default(),
        declared: BTreeSet::new(),
        missing: Vec::new(),
        stand_ins: BTreeSet::new(),
        stood_in: BTreeMap::new(),
        used: BTreeSet::new(),
        idle: BTreeSet::new(),
        base: None,
        allowed: None,
        retries: RetryPlan::default(),
        renews: None,
    };
    if let Some(name) = &spec.name {
        planner.check_name(&["name"], "pipeline", name);
    }
    let secrets = planned_store(spec.secrets.as_deref(), folder, planner.places);
    let outside = Outside { settings, folder, store: secrets.as_ref(), vault: None };
    planner.variables(spec, &outside);
    let source = spec.source.as_ref().and_then(|source| planner.source(source, &outside));
    let streams: Vec<_> = spec.streams().map(|(name, stream)| planner.stream(name, stream)).collect();
    planner.check_tables(spec);
    let budget = planner.budget(spec);
    let destination = spec.destination.as_ref().and_then(|destination| planner.destination(destination, folder));
    let archive = spec.archive.as_ref().map(|archive| planner.archive(archive, folder));
    planner.report_missing();
    Some(PipelinePlan {
        name: spec.name.clone()?,
        source: source?,
        streams: streams.into_iter().collect::<Option<_>>()?,
        budget,
        destination: destination?,
        archive: archive.map_or(Some(None), |archive| archive.map(Some))?,
        variables: planner.variables,
        secrets: secrets?,
    })
}

struct Planner<'p, 'a, 'd> {
    places: &'p mut Places<'a, 'd>,
    variables: Variables,
    /// Every variable that the file declares, also one whose value is missing or wrong.
    declared: BTreeSet<String>,
    /// Variables that have no value, and how to tell it.
    missing: Vec<(String, Diagnostic)>,
    /// Secrets that a replay does without: something else stands in their place.
    stand_ins: BTreeSet<String>,
    /// Where one of them had to be known all the same.
    stood_in: BTreeMap<Vec<String>, String>,
    /// Every name that a template of what will run reads.
    used: BTreeSet<String>,
    /// The same of what was not chosen to run.
    idle: BTreeSet<String>,
    /// Where the API is, once that is known.
    base: Option<Url>,
    /// The origins that may be asked as well, once all of them are known.
    allowed: Option<Vec<Url>>,
    /// When requests are tried again, once that is known.
    retries: RetryPlan,
    /// Whether `auth` can get other credentials, once that is known.
    renews: Option<bool>,
}

impl Planner<'_, '_, '_> {
    fn report(&mut self, path: &[&str], diagnostic: Diagnostic) {
        let path_of: Vec<String> = path.iter().map(ToString::to_string).collect();
        let unset = self.stood_in.get(&path_of).map(|name| {
            format!("`{name}` is not set, and a replay has no value of a secret: give it by `--set {name}=…`")
        });
        self.places.report(path, diagnostic.with_help_if(unset));
    }

    /// Names stand in tables of state, on the command line and in logs: nothing odd in them.
    fn check_name(&mut self, path: &[&str], what: &str, name: &str) {
        let fits = name.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
            && name.len() <= LONGEST_NAME;
        if !fits {
            let message = format!("`{name}` cannot be the name of a {what}");
            let expected = format!(
                "letters, digits, `_`, `-` and `.`, a letter or digit first, and no more than {LONGEST_NAME} bytes"
            );
            self.places.report_key(path, Diagnostic::error(Code::InvalidValue, message).with_expected(expected));
        }
    }

    /// Two streams must not write into one table, whatever the case of its name.
    fn check_tables(&mut self, spec: &PipelineSpec) {
        let mut taken: BTreeMap<String, &str> = BTreeMap::new();
        for (name, stream) in spec.streams() {
            let table = stream.table.as_deref().unwrap_or(name);
            let path = ["streams", name, "table"];
            if table.to_lowercase().starts_with("_spile") {
                let message = format!("the table `{table}` is Spile's own: names that begin with `_spile` are taken");
                self.report(&path, Diagnostic::error(Code::InvalidValue, message).with_help("choose another name"));
            }
            if table.chars().any(char::is_control) {
                let message = "the name of a table cannot have control characters in it";
                self.report(&path, Diagnostic::error(Code::InvalidValue, message));
            }
            if let Some(other) = taken.insert(table.to_lowercase(), name) {
                let message = format!("the streams `{other}` and `{name}` have the same table `{table}`");
                let help = "give one of them another `table`; upper and lower case are the same to a database";
                let diagnostic = Diagnostic::error(Code::Conflict, message).with_help(help);
                self.places.report_with(&path, &[&["streams", other, "table"]], diagnostic);
            }
        }
    }
}

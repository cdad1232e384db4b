//! From a file to a plan: the story of this crate.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use serde_json::{Map, Value as Json};
use spile_model::Failure;
use spile_plan::{CredentialSource, Found, PipelinePlan, SecretStorePlan};

use crate::check::{self, Wrong};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::masking;
use crate::parse::{MAX_BYTES, parse};
use crate::planning::{Places, plan, planned_store};
use crate::source::Source;
use crate::spec::PipelineSpec;
use crate::spec::schema::json_schema;

/// The value of an environment variable of that name.
pub type EnvLookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Looks for the credential in a place that the pipeline file names, other than the environment. May block.
pub type CredentialLookup<'a> = dyn Fn(&CredentialSource) -> Result<Found, Failure> + 'a;

/// What the command line, the environment and the places of credentials have to say.
pub struct Settings<'a> {
    /// `--set name=value`, in order; of several values for one name the last one holds.
    pub set: Vec<(String, String)>,
    /// Looks up an environment variable. Injected, so that tests and servers decide what a pipeline may see.
    pub env: Box<EnvLookup<'a>>,
    /// Looks for credentials that are kept elsewhere. Injected for the same reason.
    pub credentials: Box<CredentialLookup<'a>>,
    /// The run that is replayed: its variables are those of the pipeline, but for what `set` says; secrets may be unset,
    /// and how the API is reached (`auth`, `proxy`, `tls`) is not planned.
    pub replayed: Option<Replayed>,
}

/// A pipeline that can run.
#[derive(Debug)]
pub struct Loaded {
    /// Its plan.
    pub plan: PipelinePlan,
    /// What should not stay as it is.
    pub warnings: Diagnostics,
}

/// The variables of a recorded run. The secret ones were not recorded and are not needed: one that has no value has
/// what stands for a secret.
#[derive(Clone, Debug, Default)]
pub struct Replayed(pub BTreeMap<String, Json>);

impl Settings<'_> {
    /// Nothing set, an empty environment, no credential anywhere.
    #[must_use]
    pub fn none() -> Self {
        let credentials = Box::new(|_: &_| Ok(Found::default()));
        Self { set: Vec::new(), env: Box::new(|_| None), credentials, replayed: None }
    }

    /// Nothing set, the environment of this process and no other place. A variable that is not text counts as absent.
    #[must_use]
    pub fn of_process() -> Self {
        Self { env: Box::new(|name| std::env::var(name).ok()), ..Self::none() }
    }
}

/// Reads a pipeline file and makes its plan. Relative paths in it begin at the file's folder.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load(path: &Path, settings: &Settings<'_>) -> Result<Loaded, Diagnostics> {
    let source = open(path)?;
    load_str(source.name(), source.text(), path.parent(), settings)
}

/// The secret store of the pipeline in a file, of which nothing else need be right: a secret is stored before the pipeline
/// can run.
///
/// # Errors
/// The file cannot be read, is no YAML, or names no secret store.
pub fn secret_store(path: &Path) -> Result<SecretStorePlan, Diagnostics> {
    let source = open(path)?;
    let mut diagnostics = Diagnostics::new(source.clone());
    let Some(tree) = parse(&source, &mut diagnostics) else {
        diagnostics.mask(masking::credentials_of_text(&source));
        return Err(diagnostics);
    };
    diagnostics.mask(masking::credentials(&tree));
    let named = tree.root.entry("secrets").map(|entry| &entry.value);
    // A list or a map is no name of a store, and neither is the empty text.
    let named = named.map(|value| value.scalar().map_or("", |scalar| scalar.text.as_str()));
    let mut places =
        Places { tree: &tree, source: &source, diagnostics: &mut diagnostics, wrong: Wrong::default(), among: None };
    planned_store(named, path.parent(), &mut places).ok_or(diagnostics)
}

fn open(path: &Path) -> Result<Source, Diagnostics> {
    let name = path.display().to_string();
    match read(path) {
        Ok(text) => Ok(Source::new(name, text)),
        Err(problem) => {
            let mut diagnostics = Diagnostics::new(Source::new(name, ""));
            diagnostics.push(*problem);
            Err(diagnostics)
        }
    }
}

/// Makes the plan of a pipeline whose text is at hand. `name` is shown in messages; relative paths in
/// the pipeline begin at `folder`, or at the working directory.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load_str(name: &str, text: &str, folder: Option<&Path>, settings: &Settings<'_>) -> Result<Loaded, Diagnostics> {
    let source = Source::new(name, text);
    let mut diagnostics = Diagnostics::new(source.clone());
    let plan = load_source(&source, folder, settings, &mut diagnostics);
    match plan {
        Some(plan) if !diagnostics.has_errors() => Ok(Loaded { plan, warnings: diagnostics }),
        _ => Err(diagnostics),
    }
}

fn load_source(
    source: &Source,
    folder: Option<&Path>,
    settings: &Settings<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<PipelinePlan> {
    let Some(tree) = parse(source, diagnostics) else {
        diagnostics.mask(masking::credentials_of_text(source));
        return None;
    };
    let masked = masking::credentials(&tree);
    diagnostics.mask(masked.clone());
    let (checked, wrong) = check::check(&tree, json_schema(), &masked, diagnostics);
    let after_errors = diagnostics.has_errors();
    let spec = PipelineSpec::of_parts(with_defaults(checked), |error| {
        // What is wrong has been said, unless the schema and the types disagree.
        if !after_errors {
            diagnostics.push(internal(&error));
        }
    });
    let mut places = Places { tree: &tree, source, diagnostics, wrong, among: None };
    plan(&spec, settings, folder, &mut places)
}

/// A stream has every setting of `defaults` that it does not have itself.
fn with_defaults(mut pipeline: Json) -> Json {
    let defaults = pipeline.get("defaults").and_then(Json::as_object).cloned().unwrap_or_default();
    let streams = pipeline.get_mut("streams").and_then(Json::as_object_mut);
    for stream in streams.into_iter().flat_map(Map::values_mut).filter_map(Json::as_object_mut) {
        for (key, value) in &defaults {
            stream.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    pipeline
}

fn internal(error: &serde_json::Error) -> Diagnostic {
    Diagnostic::error(Code::Internal, format!("the pipeline passed every check and still cannot be read: {error}"))
        .with_help("this is a defect of Spile: please report it with the file")
}

fn read(path: &Path) -> Result<String, Box<Diagnostic>> {
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to know that it is too large, also of a file without an end.
    let limit = MAX_BYTES as u64 + 1;
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        let message = format!("{} is not UTF-8 text: see line {line}", path.display());
        Box::new(Diagnostic::error(Code::Unreadable, message).with_help("save the file in the encoding UTF-8"))
    })
}

fn unreadable(path: &Path, error: &std::io::Error) -> Box<Diagnostic> {
    let diagnostic = Diagnostic::error(Code::Unreadable, format!("{} cannot be read: {error}", path.display()));
    Box::new(match error.kind() {
        ErrorKind::NotFound => diagnostic.with_help("check the name of the file and the working directory"),
        ErrorKind::IsADirectory => diagnostic.with_help("name the pipeline file, not its folder"),
        _ => diagnostic,
    })
}

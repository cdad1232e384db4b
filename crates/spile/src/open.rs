//! Opens what a command works on: the pipeline's plan, the destination that it names, the world around it. This is the
//! one place that knows which destinations this build has.

use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;

use spile_config::{Loaded, Replayed, Settings, load};
use spile_credentials::{Environment, Lookup};
use spile_destination::Destination;
use spile_destination_duckdb::DuckDb;
use spile_engine::{ArchiveUse, World};
use spile_model::{Events, Failure, StreamName, SystemClock};
use spile_plan::{CredentialSource, DestinationPlan, PipelinePlan};

use crate::arguments::PipelineArguments;
use crate::key;
use crate::output::failure;
use crate::output::terminal::Terminal;
use crate::problem::Problem;

/// The plan of the named pipeline. What should not stay as it is is told to `warned`.
pub(crate) async fn pipeline(
    arguments: &PipelineArguments,
    warned: Option<&Terminal>,
) -> Result<Arc<PipelinePlan>, Problem> {
    let (file, set) = (arguments.file.clone(), arguments.set.clone());
    // Who looks for credentials waits for disks, for daemons, for deriving a key.
    let loading = tokio::task::spawn_blocking(move || {
        let lookup = Lookup::new(Environment::of_process(), Arc::new(SystemClock));
        let credentials = Box::new(move |source: &CredentialSource| lookup.look(source));
        load(&file, &Settings { set, credentials, ..Settings::of_process() })
    });
    let loaded = loading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    let Loaded { plan, warnings } = loaded?;
    if let Some(terminal) = warned {
        failure::show_warnings(&warnings, terminal);
    }
    Ok(Arc::new(plan))
}

/// The plan of a pipeline as it is replayed: its variables are those of the recorded run, and it needs no secrets. `to`
/// takes the place of its destination.
pub(crate) fn replayed(
    file: &Path,
    set: &[(String, String)],
    variables: Replayed,
    to: Option<&Path>,
) -> Result<Arc<PipelinePlan>, Problem> {
    let settings = Settings { set: set.to_vec(), replayed: Some(variables), ..Settings::of_process() };
    let mut plan = load(file, &settings)?.plan;
    if let Some(to) = to {
        let DestinationPlan::DuckDb(duckdb) = &mut plan.destination;
        to.clone_into(&mut duckdb.path);
    }
    Ok(Arc::new(plan))
}

/// What a run does with an archive: it records into `folder`, or into the pipeline's own, if there is one.
pub(crate) fn recording(folder: Option<&PathBuf>, plan: &PipelinePlan, file: &Path) -> ArchiveUse {
    match folder.or(plan.archive.as_ref()) {
        Some(folder) => ArchiveUse::Record { folder: folder.clone(), file: absolute(file).ok() },
        None => ArchiveUse::Nothing,
    }
}

/// The pipeline's destination, locked against other runs.
pub(crate) async fn destination(plan: &PipelinePlan) -> Result<Arc<dyn Destination>, Failure> {
    match &plan.destination {
        DestinationPlan::DuckDb(duckdb) => Ok(Arc::new(DuckDb::open(duckdb, &plan.name, Arc::new(SystemClock)).await?)),
    }
}

/// The pipeline's destination, where it is there already. Who only looks at it must not make it: behind a mistyped path,
/// an empty database would look like a pipeline that never ran.
pub(crate) async fn existing_destination(plan: &PipelinePlan) -> Result<Arc<dyn Destination>, Problem> {
    let DestinationPlan::DuckDb(duckdb) = &plan.destination;
    // What cannot be looked for is told by the opening, with its cause.
    if !duckdb.path.try_exists().unwrap_or(true) {
        let message = format!("`{}` has no state: there is no file {}", plan.name, duckdb.path.display());
        return Err(Problem::failed(message).remedy(
            "if the pipeline has run before, correct the path in `destination`; if not, `spile run` makes the file",
        ));
    }
    Ok(destination(plan).await?)
}

/// The pipeline's secret store, the system's clock, and chance of this process's own: runs that start together must not
/// retry together.
pub(crate) fn world(plan: &PipelinePlan, events: Events) -> World {
    use std::hash::{BuildHasher, RandomState};
    let seed = RandomState::new().hash_one(std::process::id());
    let key_made = key::emit(events.clone());
    let secrets = spile_credentials::open(&plan.secrets, &Environment::of_process(), Arc::new(SystemClock), key_made);
    World { seed, secrets, ..World::new(Arc::new(SystemClock), events) }
}

/// The streams of those names; every name must be one of the pipeline's.
pub(crate) fn streams(plan: &PipelinePlan, names: &[String]) -> Result<Vec<StreamName>, Problem> {
    names
        .iter()
        .map(|name| {
            plan.streams.iter().map(|stream| &stream.name).find(|known| known.as_str() == name).cloned().ok_or_else(
                || {
                    let known: Vec<&str> = plan.streams.iter().map(|stream| stream.name.as_str()).collect();
                    Problem::usage(format!("`{}` has no stream `{name}`", plan.name))
                        .remedy(format!("its streams are {}", known.join(", ")))
                },
            )
        })
        .collect()
}

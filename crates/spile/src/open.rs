//! Opens what a command works on: the pipeline's plan, the destination that it names, the world around it. This is the
//! one place that knows which destinations this build has.

use std::sync::Arc;

use spile_config::{Settings, load};
use spile_destination::Destination;
use spile_destination_duckdb::DuckDb;
use spile_engine::World;
use spile_model::{Events, Failure, StreamName, SystemClock};
use spile_plan::{DestinationPlan, PipelinePlan};

use crate::arguments::PipelineArguments;
use crate::problem::Problem;

/// The plan of the named pipeline.
pub(crate) fn pipeline(arguments: &PipelineArguments) -> Result<Arc<PipelinePlan>, Problem> {
    let settings = Settings { set: arguments.set.clone(), ..Settings::of_process() };
    Ok(Arc::new(load(&arguments.file, &settings)?))
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

/// The system's clock, and chance of this process's own: runs that start together must not retry together.
pub(crate) fn world(events: Events) -> World {
    use std::hash::{BuildHasher, RandomState};
    World { seed: RandomState::new().hash_one(std::process::id()), ..World::new(Arc::new(SystemClock), events) }
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

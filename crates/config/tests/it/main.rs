//! The configuration as its users meet it: pipelines that load, and messages for those that do not.

#![allow(clippy::unwrap_used)]

mod connections;
mod credentials;
mod manual;
mod messages;
mod plans;
mod robustness;

use spile_config::{Diagnostics, Settings, load_str};
use spile_plan::PipelinePlan;

/// Loads a pipeline with an empty environment.
fn load(text: &str) -> Result<PipelinePlan, Diagnostics> {
    load_str("pipeline.yaml", text, None, &Settings::none()).map(|loaded| loaded.plan)
}

/// What a person sees when the pipeline is refused.
fn refusal(text: &str) -> String {
    refusal_with(text, &Settings::none())
}

fn refusal_with(text: &str, settings: &Settings<'_>) -> String {
    match load_str("pipeline.yaml", text, None, settings) {
        Ok(loaded) => format!("NOT REFUSED: {:?}", loaded.plan),
        Err(diagnostics) => diagnostics.to_string(),
    }
}

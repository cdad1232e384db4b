//! The configuration as its users meet it: pipelines that load, and messages for those that do not.

#![allow(clippy::unwrap_used)]

mod connections;
mod credentials;
mod examples;
mod manual;
mod messages;
mod plans;
mod robustness;

use spile_config::{Diagnostics, Settings, load_str};
use spile_model::Secret;
use spile_plan::{Found, PipelinePlan};

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

/// What every variable of an example has for its value.
fn given() -> Settings<'static> {
    const GIVEN: &str = "100";
    Settings {
        env: Box::new(|_| Some(GIVEN.to_owned())),
        credentials: Box::new(|_| Ok(Found { secret: Some(Secret::new(GIVEN)), warning: None })),
        ..Settings::none()
    }
}

//! A login, which is no run: what a person allows is kept where runs look for it.

use spile_http::Login;
use spile_model::Failure;
use spile_plan::PipelinePlan;

use crate::world::World;

/// The login of a pipeline; none where its file has none.
///
/// # Errors
/// A credential of the pipeline file cannot be used, or this machine cannot speak TLS.
pub fn login(plan: &PipelinePlan, world: &World) -> Result<Option<Login>, Failure> {
    Login::new(plan, world.of_client())
}

//! Configuration: YAML to plan.
//!
//! In: a pipeline file, `--set` values, an environment, and who looks for credentials elsewhere. Out: a [`PipelinePlan`](spile_plan::PipelinePlan), or
//! [`Diagnostics`]: everything that is wrong, at once, each with file, line, column, what was expected and what to do.
//!
//! The way: text → tree with places (`parse`) → check against the JSON Schema of the `…Spec` types (`check`) →
//! `PipelineSpec` (`spec`) → plan (`planning`). The types in `spec` are the one description of the format: the
//! schema that editors use, the check and the manual all come from them.
//!
//! Invariant: no text makes this panic, run for long or show a credential. It deliberately opens no connection and no
//! database: what only the API or the destination can know is theirs to check.

mod check;
mod column_type;
mod diagnostic;
mod load;
mod manual;
mod masking;
mod parse;
mod planning;
mod render;
mod scalar;
mod source;
mod spec;
mod syntax;
mod tree;

pub use diagnostic::{Code, Diagnostic, Diagnostics, Related, RenderStyle, Severity};
pub use load::{CredentialLookup, EnvLookup, Loaded, Replayed, Settings, load, load_str, secret_store};
pub use manual::{Page, auth_pages, manual};
pub use planning::secret_store_named;
pub use source::{Place, Source, Span};
pub use spec::schema::json_schema;

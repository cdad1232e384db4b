//! The small languages of a pipeline file: `{{ }}` templates, record paths and date formats.
//!
//! Enters: text from the configuration, once. Leaves: compiled [`Template`]s and [`RecordPath`]s that render and
//! select without I/O. Invariant: what compiled never fails for reasons of syntax, and a template cannot run for long
//! (it has fuel) nor reach anything but the names it is given. It deliberately knows no pipeline: which names exist
//! where is the plan's business.

mod filters;
mod path;
mod scope;
mod template;

pub use path::{PathError, RecordPath, Step};
pub use scope::Scope;
pub use template::{Template, TemplateError};

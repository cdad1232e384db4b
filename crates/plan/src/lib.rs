//! What was validated and resolved: a pipeline as data, with its expressions compiled.
//!
//! Enters: nothing but what `config` (and later `discover` and `server`) put together. Leaves: [`PipelinePlan`] and its
//! parts, which every room below the engine reads. Invariant: a plan that exists can run: every name resolves, every
//! default is filled in, every unit lives in its type. It deliberately remembers nothing of YAML, and does nothing.

mod auth;
mod cache;
mod connection;
mod cost;
mod credential;
mod destination;
mod pagination;
mod pipeline;
mod price;
mod request;
mod response;
mod retry;
mod shape;
mod stream;

pub use auth::{
    AuthPlan, AuthorizationPlan, AwsPlan, ClientPlan, ClientProof, ConsentPlan, ExpiryPlace, GrantPlan, HmacAlgorithm,
    HmacEncoding, HmacPlan, JwtAlgorithm, JwtPlan, KeyPlace, LoginPlan, OAuth2Plan, SessionPlan,
};
pub use cache::{CachePlan, Reuse};
pub use connection::{IdentityPlan, PemPlan, ProxyPlan, ProxyServerPlan, ProxyUser, TlsPlan, TlsVersion};
pub use cost::CostPlan;
pub use credential::{CredentialSource, Found, SecretStorePlan, VaultAuth, VaultField, VaultPlan, Warning};
pub use destination::{CommitPlan, DestinationPlan, DuckDbPlan};
pub use pagination::{Injection, PageLimit, PaginationKind, PaginationPlan, TokenSource};
pub use pipeline::{
    ApiVersionPlan, Counted, LimitPlan, PathPattern, PipelinePlan, RateLimitPlan, SourcePlan, TimeoutPlan, Variable,
    Variables, WindowKind,
};
pub use price::{BudgetPlan, PricePlan, UnitPrice};
pub use request::{BodyPlan, JsonTemplate, NamedTemplate, RequestPlan};
pub use response::{
    Matcher, Pattern, PatternError, ResponseRule, RetryRule, TextMatch, Treatment, WaitPlace, WaitPlan,
};
pub use retry::{OutagePlan, RetryBudgetPlan, RetryPlan};
pub use shape::{Lists, Naming, Nested, ShapePlan};
pub use stream::{CursorOrder, CursorPlan, Lookback, MissingRecords, StreamPlan, WriteMode};

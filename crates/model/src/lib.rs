//! The vocabulary that every room shares: names, cursors, checkpoints, pages, column types, events,
//! failures, secrets, units and the clock.
//!
//! Enters: nothing. Leaves: plain data. Invariant: no I/O, no async, no knowledge of YAML, HTTP or any database.
//! It deliberately holds no behaviour beyond what keeps the data true (ordering of cursors, joining of column
//! types, formatting of units).

pub mod answer;
pub mod checkpoint;
pub mod clock;
pub mod column;
pub mod cursor;
pub mod event;
pub mod failure;
pub mod json;
pub mod money;
pub mod names;
pub mod notice;
pub mod page;
pub mod secret;
pub mod secret_store;
pub mod units;
pub mod usage;

pub use answer::{Answer, NextPage, RequestKey};
pub use checkpoint::{Checkpoint, CheckpointDelta, Progress};
pub use clock::{Clock, SystemClock};
pub use column::{ColumnType, Field, TableSchema};
pub use cursor::CursorValue;
pub use event::{Events, RunEvent, StreamReport};
pub use failure::{Failure, FailureKind};
pub use money::Money;
pub use names::{PartitionKey, RunId, StreamName};
pub use notice::{Notice, NoticeKind, Noticed};
pub use page::{Page, Reject};
pub use rust_decimal::Decimal;
pub use secret::Secret;
pub use secret_store::{Held, KeptSecret, NoSecretStore, SecretName, SecretStore};
pub use units::ByteSize;
pub use usage::{Latency, Quota, Statuses, Usage};

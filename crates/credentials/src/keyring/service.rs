//! The Secret Service of Linux desktops (<https://specifications.freedesktop.org/secret-service-spec/>): GNOME Keyring,
//! KWallet, KeePassXC.
//!
//! Only the default keyring is used, the one that lasts and that a login unlocks. A value goes over the bus encrypted.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use secret_service::{Collection, EncryptionType, Error, Item, SecretService};
use spile_model::units::show_duration;
use spile_model::{Failure, FailureKind, SecretName};
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::{Listed, Patience};
use crate::environment::Environment;

// By these a person finds the items in the desktop's own program, and Spile finds its own again.
const SCHEMA: (&str, &str) = ("xdg:schema", "spile.secret");
const APPLICATION: (&str, &str) = ("application", "spile");
const PROJECT: &str = "project";
const NAME: &str = "name";

const TEXT: &str = "text/plain";

/// The keyrings of a session.
pub(super) struct Service {
    bus: String,
    pub(super) patience: Patience,
}

impl Service {
    pub(super) fn new(environment: &Environment, patience: Patience) -> Self {
        Self { bus: bus(environment), patience }
    }

    pub(super) fn read(&self, project: &str, name: &SecretName) -> Result<Option<Vec<u8>>, Failure> {
        self.ask(async |keyring: &Collection<'_>| match newest(found(keyring, project, name).await?).await? {
            Some(item) => item.get_secret().await.map(Some),
            None => Ok(None),
        })
    }

    /// Puts the value in the place of what was there, which the service does in one step.
    pub(super) fn write(&self, project: &str, name: &SecretName, value: &[u8]) -> Result<(), Failure> {
        self.ask(async |keyring: &Collection<'_>| {
            let attributes = HashMap::from([SCHEMA, APPLICATION, (PROJECT, project), (NAME, name.as_str())]);
            let label = format!("Spile: {name} ({project})");
            keyring.create_item(&label, attributes, value, true, TEXT).await.map(drop)
        })
    }

    pub(super) fn remove(&self, project: &str, name: &SecretName) -> Result<bool, Failure> {
        self.ask(async |keyring: &Collection<'_>| {
            let items = found(keyring, project, name).await?;
            for item in &items {
                item.delete().await?;
            }
            Ok(!items.is_empty())
        })
    }

    pub(super) fn list(&self, project: &str) -> Result<Vec<Listed>, Failure> {
        self.ask(async |keyring: &Collection<'_>| {
            let mut listed = Vec::new();
            for item in keyring.search_items(HashMap::from([APPLICATION, (PROJECT, project)])).await? {
                let name = item.get_attributes().await?.remove(NAME).unwrap_or_default();
                listed.push(Listed { name, changed: item.get_modified().await? });
            }
            Ok(listed)
        })
    }

    /// Whether something could be written.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.ask(async |_: &Collection<'_>| Ok(()))
    }

    /// Asks the default keyring, on a thread of its own: questions come from threads with a runtime and from such without.
    fn ask<T: Send>(
        &self,
        question: impl AsyncFnOnce(&Collection<'_>) -> Result<T, Error> + Send,
    ) -> Result<T, Failure> {
        let asking = || {
            let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| {
                failure(FailureKind::SecretStore, "cannot be asked: no runtime starts").caused_by(error)
            })?;
            runtime.block_on(self.answered(question))
        };
        thread::scope(|scope| scope.spawn(asking).join().unwrap_or_else(|panic| resume_unwind(panic)))
    }

    async fn answered<T>(&self, question: impl AsyncFnOnce(&Collection<'_>) -> Result<T, Error>) -> Result<T, Failure> {
        let service = self.in_time(connected(&self.bus)).await?;
        let keyring = self.in_time(default_keyring(&service)).await?;
        self.unlock(&keyring).await?;
        self.in_time(async { question(&keyring).await.map_err(refused) }).await
    }

    /// Lets the desktop ask for the password, where the keyring is locked.
    async fn unlock(&self, keyring: &Collection<'_>) -> Result<(), Failure> {
        let is_locked = || self.in_time(async { keyring.is_locked().await.map_err(refused) });
        if !is_locked().await? {
            return Ok(());
        }
        let locked = |why: &str| failure(FailureKind::KeyringLocked, &format!("is locked, and {why}"));
        // Who gives up takes the connection along, and with it the question from the screen.
        match timeout(self.patience.password, keyring.unlock()).await {
            Err(_) => {
                Err(locked(&format!("nobody gave its password within {}", show_duration(self.patience.password))))
            }
            Ok(Err(Error::Prompt)) => Err(locked(
                "its password was not given: the question was refused, or this session has no screen for it",
            )),
            Ok(Err(error)) => Err(refused(error)),
            Ok(Ok(())) if is_locked().await? => Err(locked("stayed so after its password was asked for")),
            Ok(Ok(())) => Ok(()),
        }
    }

    async fn in_time<T>(&self, answer: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let silent = |limit: Duration| {
            failure(FailureKind::SecretStore, &format!("did not answer within {}", show_duration(limit)))
        };
        timeout(self.patience.answer, answer).await.map_err(|_| silent(self.patience.answer))?
    }
}

/// Where the session's bus listens: as the environment says, or where systemd has it for each user that is logged in, so
/// that a scheduled run finds it too.
fn bus(environment: &Environment) -> String {
    environment.get("DBUS_SESSION_BUS_ADDRESS").unwrap_or_else(|| {
        let user = || format!("/run/user/{}", rustix::process::geteuid().as_raw());
        format!("unix:path={}/bus", environment.get("XDG_RUNTIME_DIR").unwrap_or_else(user))
    })
}

async fn connected(bus: &str) -> Result<SecretService<'static>, Failure> {
    let no_bus = |error: zbus::Error| {
        let what = format!("cannot be asked: this session has no bus at {bus}");
        let failure = failure(FailureKind::NoKeyring, &what);
        match error {
            // Its own words would tell the address once more.
            zbus::Error::Connection(cause, _) => failure.caused_by(cause),
            error => failure.caused_by(error),
        }
    };
    let connecting = async { zbus::connection::Builder::address(bus)?.build().await };
    let connection = connecting.await.map_err(no_bus)?;
    SecretService::connect_with_existing(EncryptionType::Dh, connection).await.map_err(refused)
}

async fn default_keyring<'s>(service: &'s SecretService<'static>) -> Result<Collection<'s>, Failure> {
    let keyring = service.get_default_collection().await.map_err(|error| match error {
        Error::NoResult => failure(
            FailureKind::SecretStore,
            "has no default keyring yet: make one in the desktop's program for passwords",
        ),
        error => refused(error),
    })?;
    // A service that has no such one may fail to say so.
    let passing = service.get_collection_by_alias("session").await;
    if passing.is_ok_and(|passing| passing.collection_path == keyring.collection_path) {
        let what = "would forget everything at the end of the session: make another keyring the default one";
        return Err(failure(FailureKind::SecretStore, what));
    }
    Ok(keyring)
}

async fn found<'k>(keyring: &'k Collection<'_>, project: &str, name: &SecretName) -> Result<Vec<Item<'k>>, Error> {
    keyring.search_items(HashMap::from([APPLICATION, (PROJECT, project), (NAME, name.as_str())])).await
}

/// Spile writes one item for each name; where another program has made a second one, the newer holds.
async fn newest(items: Vec<Item<'_>>) -> Result<Option<Item<'_>>, Error> {
    let mut newest = None;
    for item in items {
        let changed = item.get_modified().await?;
        if newest.as_ref().is_none_or(|(known, _)| *known < changed) {
            newest = Some((changed, item));
        }
    }
    Ok(newest.map(|(_, item)| item))
}

/// What the service, or the bus before it, has said.
fn refused(error: Error) -> Failure {
    match error {
        Error::Zbus(error) if is_absent(&error) => {
            failure(FailureKind::NoKeyring, "cannot be asked: nobody keeps one in this session").caused_by(error)
        }
        Error::Zbus(error) if is_named(&error, "NoReply") => {
            failure(FailureKind::SecretStore, "was ended while it was asked").caused_by(error)
        }
        Error::Locked => failure(FailureKind::KeyringLocked, "was locked while it was asked"),
        Error::Zbus(error) => failed().caused_by(error),
        Error::ZbusFdo(error) => failed().caused_by(error),
        error => failed().caused_by(error),
    }
}

fn failed() -> Failure {
    failure(FailureKind::SecretStore, "has refused or failed")
}

/// Whether the bus says that there is no such service, and that it could not start one.
fn is_absent(error: &zbus::Error) -> bool {
    ["ServiceUnknown", "NameHasNoOwner", "Spawn."].iter().any(|name| is_named(error, name))
}

/// Whether it is one of the bus's own errors, whose name begins so.
fn is_named(error: &zbus::Error, beginning: &str) -> bool {
    let zbus::Error::MethodError(name, ..) = error else { return false };
    name.as_str().strip_prefix("org.freedesktop.DBus.Error.").is_some_and(|name| name.starts_with(beginning))
}

fn failure(kind: FailureKind, what: &str) -> Failure {
    Failure::new(kind, format!("the system keyring {what}"))
}

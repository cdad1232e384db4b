//! The keyring of a desktop's session: a real GNOME Keyring on a real bus, and what happens without them.

use std::fs;
use std::time::Duration;

use spile_credentials::{Environment, Keyring, Lookup, Patience};
use spile_model::{Failure, FailureKind, SecretStore};
use spile_plan::{CredentialSource, SecretStorePlan};
use spile_testkit::desktop::Desktop;
use tokio::runtime::{Builder, Runtime};
use zbus::Connection;
use zbus::fdo::{DBusProxy, RequestNameFlags};
use zbus::zvariant::ObjectPath;

use crate::support::{clock, name, secret, shown};

pub(crate) fn keyring(desktop: &Desktop, project: &str) -> Keyring {
    Keyring::new(project, &environment(desktop, &[]))
}

/// That of a program in the session, without these variables.
fn environment(desktop: &Desktop, without: &'static [&str]) -> Environment {
    let variables = desktop.variables();
    Environment::new(move |wanted| {
        let found = variables.iter().find(|(name, _)| *name == wanted && !without.contains(name));
        found.map(|(_, value)| value.clone())
    })
}

/// Another program in the session.
struct Neighbour {
    runtime: Runtime,
    connection: Connection,
}

impl Neighbour {
    fn of(desktop: &Desktop) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let bus = environment(desktop, &[]).get("DBUS_SESSION_BUS_ADDRESS").unwrap();
        let connection = runtime
            .block_on(async { zbus::connection::Builder::address(bus.as_str()).unwrap().build().await })
            .unwrap();
        Self { runtime, connection }
    }

    /// From now on it is asked for passwords, and never answers: a screen at which nobody sits.
    fn sits_before_the_screen(&self) {
        self.runtime.block_on(async {
            let bus = DBusProxy::new(&self.connection).await.unwrap();
            let prompter = "org.gnome.keyring.SystemPrompter".try_into().unwrap();
            bus.request_name(prompter, RequestNameFlags::DoNotQueue.into()).await.unwrap();
        });
    }

    /// Makes another keyring the default one.
    fn chooses(&self, keyring: &str) {
        let (service, path) = ("org.freedesktop.secrets", "/org/freedesktop/secrets");
        let body = ("default", ObjectPath::try_from(keyring).unwrap());
        let asked =
            self.connection.call_method(Some(service), path, Some("org.freedesktop.Secret.Service"), "SetAlias", &body);
        self.runtime.block_on(asked).unwrap();
    }
}

/// Every way to ask fails in the same way, and nothing that was to be written is told.
fn every_question_fails(store: &Keyring) -> Failure {
    let token = name("token");
    let failures = [
        store.write(&token, &secret("hunter2")).unwrap_err(),
        store.remove(&token).unwrap_err(),
        store.list().unwrap_err(),
        store.hold(&token).unwrap_err(),
        store.read(&token).unwrap_err(),
    ];
    assert!(failures.iter().all(|failure| !shown(failure).contains("hunter2")), "{failures:?}");
    let [first, others @ ..] = failures;
    assert!(others.iter().all(|other| (&other.kind, &other.message) == (&first.kind, &first.message)), "{others:?}");
    first
}

/// A session in whose keyring the project `shop` keeps a token.
fn holding_a_token() -> (Desktop, Keyring) {
    let desktop = Desktop::start();
    let store = keyring(&desktop, "shop");
    store.write(&name("token"), &secret("hunter2")).unwrap();
    (desktop, store)
}

#[test]
fn what_is_kept_outlives_a_kill_of_the_keyring() {
    let desktop = Desktop::start();
    let store = keyring(&desktop, "shop");
    for (index, value) in ["hunter2", "a\0b\n", "", "😀"].into_iter().enumerate() {
        store.write(&name(&format!("token{index}")), &secret(value)).unwrap();
        desktop.kill_keyring();
        assert_eq!(store.read(&name(&format!("token{index}"))).unwrap().unwrap().expose(), value);
    }
    store.write(&name("token0"), &secret("successor")).unwrap();
    assert!(store.remove(&name("token1")).unwrap());
    desktop.kill_keyring();
    assert_eq!(store.read(&name("token0")).unwrap().unwrap().expose(), "successor");
    assert!(store.read(&name("token1")).unwrap().is_none());
}

#[test]
fn the_keyrings_file_holds_no_value_openly() {
    let desktop = Desktop::start();
    keyring(&desktop, "shop").write(&name("token"), &secret("hunter2")).unwrap();
    let file = fs::read(desktop.path("home/.local/share/keyrings/login.keyring")).unwrap();
    assert!(!file.windows(7).any(|bytes| bytes == b"hunter2"));
}

#[test]
fn without_a_bus_the_message_says_so_and_what_to_use_instead() {
    let desktop = Desktop::without_keyring();
    let bare = Keyring::new("shop", &environment(&desktop, &["DBUS_SESSION_BUS_ADDRESS", "XDG_STATE_HOME"]));
    let failure = every_question_fails(&bare);
    let bus = desktop.path("run/bus");
    let said = format!("the system keyring cannot be asked: this session has no bus at unix:path={}", bus.display());
    assert_eq!((failure.kind.clone(), failure.message.as_str()), (FailureKind::NoKeyring, said.as_str()));
    assert!(failure.kind.remedy().contains("`secrets: age:FILE`"));
    for odd in ["nonsense", "unix:path=", "tcp:host=127.0.0.1,port=1"] {
        let odd = Environment::new(move |name| (name == "DBUS_SESSION_BUS_ADDRESS").then(|| odd.to_owned()));
        let failure = Keyring::new("shop", &odd).read(&name("token")).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NoKeyring, "{failure}");
    }
}

#[test]
fn where_the_environment_is_silent_the_bus_is_where_systemd_has_it() {
    let desktop = Desktop::start();
    fs::hard_link(desktop.path("bus"), desktop.path("run/bus")).unwrap();
    let store = Keyring::new("shop", &environment(&desktop, &["DBUS_SESSION_BUS_ADDRESS"]));
    store.write(&name("token"), &secret("hunter2")).unwrap();
    assert_eq!(keyring(&desktop, "shop").read(&name("token")).unwrap().unwrap().expose(), "hunter2");
}

#[test]
fn a_bus_on_which_nobody_keeps_secrets_is_told_from_none() {
    let desktop = Desktop::without_keyring();
    let failure = every_question_fails(&keyring(&desktop, "shop"));
    assert_eq!(failure.kind, FailureKind::NoKeyring);
    assert_eq!(failure.message, "the system keyring cannot be asked: nobody keeps one in this session");
}

#[test]
fn a_locked_keyring_that_nobody_can_be_asked_to_unlock_is_told_and_never_hangs() {
    let (desktop, store) = holding_a_token();
    desktop.lock();
    let failure = every_question_fails(&store);
    assert_eq!(failure.kind, FailureKind::KeyringLocked);
    let said = "the system keyring is locked, and its password was not given: the question was refused, or this session has \
                no screen for it";
    assert_eq!(failure.message, said);
}

#[test]
fn a_keyring_that_was_locked_is_not_asked_again_for_each_variable() {
    let (desktop, _) = holding_a_token();
    desktop.lock();
    let lookup = Lookup::new(environment(&desktop, &[]), clock());
    let store = SecretStorePlan::Keyring { project: "shop".to_owned() };
    let look = |wanted: &str| lookup.look(&CredentialSource::Store { store: store.clone(), name: name(wanted) });
    let first = look("token").unwrap_err();
    desktop.remove_keyring();
    let second = look("other").unwrap_err();
    assert_eq!((second.kind, second.message), (first.kind, first.message));
}

#[test]
fn a_keyring_that_is_ended_between_two_questions_is_found_again_or_told() {
    let (desktop, store) = holding_a_token();
    desktop.kill_keyring();
    assert_eq!(store.read(&name("token")).unwrap().unwrap().expose(), "hunter2");
    desktop.remove_keyring();
    assert_eq!(every_question_fails(&store).kind, FailureKind::NoKeyring);
}

#[test]
fn a_keyring_that_does_not_answer_is_waited_for_no_longer_than_the_limit() {
    let (desktop, store) = holding_a_token();
    desktop.stop_keyring();
    let patience = Patience { answer: Duration::from_millis(200), ..Patience::default() };
    let failure = every_question_fails(&store.with_patience(patience));
    assert_eq!(failure.kind, FailureKind::SecretStore);
    assert_eq!(failure.message, "the system keyring did not answer within 200 ms");
}

#[test]
fn a_password_that_nobody_gives_is_waited_for_no_longer_than_the_limit() {
    let (desktop, store) = holding_a_token();
    desktop.lock();
    let screen = Neighbour::of(&desktop);
    screen.sits_before_the_screen();
    let patience = Patience { password: Duration::from_millis(300), ..Patience::default() };
    let failure = every_question_fails(&store.with_patience(patience));
    assert_eq!(failure.kind, FailureKind::KeyringLocked);
    assert_eq!(failure.message, "the system keyring is locked, and nobody gave its password within 300 ms");
}

#[test]
fn a_keyring_that_lasts_no_longer_than_the_session_keeps_nothing() {
    let desktop = Desktop::start();
    Neighbour::of(&desktop).chooses("/org/freedesktop/secrets/collection/session");
    let failure = every_question_fails(&keyring(&desktop, "shop"));
    assert_eq!(failure.kind, FailureKind::SecretStore);
    assert!(failure.message.contains("would forget everything at the end of the session"), "{failure}");
}

#[test]
fn where_no_keyring_is_the_default_one_a_person_is_told_to_make_one() {
    let desktop = Desktop::start();
    // Nobody has ever logged in with a password.
    fs::remove_file(desktop.path("password")).unwrap();
    let failure = every_question_fails(&keyring(&desktop, "shop"));
    assert_eq!(failure.kind, FailureKind::SecretStore);
    assert!(failure.message.contains("has no default keyring yet"), "{failure}");
}

//! What every secret store promises, whichever it is.

use std::sync::Barrier;
use std::thread;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use spile_model::{FailureKind, SecretStore};
use spile_testkit::desktop::Desktop;

use crate::keyring::keyring;
use crate::support::{User, name, secret};

/// Where a store of that kind is.
trait Household {
    fn new() -> Self;

    /// The store as one more process of the same user opens it.
    fn store(&self) -> Box<dyn SecretStore>;

    /// The store of another project of the same user.
    fn of_another_project(&self) -> Box<dyn SecretStore>;
}

impl Household for User {
    fn new() -> Self {
        Self::new()
    }

    fn store(&self) -> Box<dyn SecretStore> {
        Box::new(self.store())
    }

    fn of_another_project(&self) -> Box<dyn SecretStore> {
        Box::new(self.store_in("other.secrets.age"))
    }
}

impl Household for Desktop {
    fn new() -> Self {
        Self::start()
    }

    fn store(&self) -> Box<dyn SecretStore> {
        Box::new(keyring(self, "shop"))
    }

    fn of_another_project(&self) -> Box<dyn SecretStore> {
        Box::new(keyring(self, "shop2"))
    }
}

/// The whole contract for one kind of store.
macro_rules! hold {
    ($($promise:ident)*) => {
        mod age_file {
            $(#[test] fn $promise() { super::$promise(&super::User::new()); })*
        }

        mod system_keyring {
            use super::Household as _;

            $(#[test] fn $promise() { super::$promise(&super::Desktop::new()); })*
        }
    };
}

hold! {
    what_is_written_is_read_again_by_another_process_of_the_same_user
    a_writing_by_another_process_is_seen_by_who_has_read_before
    removing_tells_whether_there_was_one
    projects_neither_see_nor_change_what_others_keep
    two_that_write_at_once_lose_nothing_of_each_other
    two_that_write_the_same_secret_at_once_leave_one_of_the_two_values
    a_secret_is_held_by_one_at_a_time_and_others_are_not_held_up
    every_text_comes_back_as_it_was
    a_value_that_is_too_large_is_refused_and_not_told
}

fn read(store: &dyn SecretStore, wanted: &str) -> Option<String> {
    store.read(&name(wanted)).unwrap().map(|secret| secret.expose().to_owned())
}

fn names(store: &dyn SecretStore) -> Vec<String> {
    store.list().unwrap().iter().map(|kept| kept.name.to_string()).collect()
}

fn what_is_written_is_read_again_by_another_process_of_the_same_user(household: &impl Household) {
    household.store().write(&name("token"), &secret("hunter2")).unwrap();
    household.store().write(&name("other"), &secret("line\nbreak")).unwrap();
    household.store().write(&name("schlüssel"), &secret("Straße")).unwrap();
    let store = household.store();
    assert_eq!(read(&*store, "token").as_deref(), Some("hunter2"));
    assert_eq!(read(&*store, "other").as_deref(), Some("line\nbreak"));
    assert_eq!(read(&*store, "schlüssel").as_deref(), Some("Straße"));
    assert_eq!(read(&*store, "missing"), None);
    assert_eq!(read(&*store, "tok"), None, "a name is the whole of it");
    assert_eq!(names(&*store), ["other", "schlüssel", "token"]);
    assert!(store.list().unwrap().iter().all(|kept| kept.changed.is_some()));
}

fn a_writing_by_another_process_is_seen_by_who_has_read_before(household: &impl Household) {
    let (one, other) = (household.store(), household.store());
    one.write(&name("token"), &secret("first")).unwrap();
    assert_eq!(read(&*other, "token").as_deref(), Some("first"));
    one.write(&name("token"), &secret("again")).unwrap();
    assert_eq!(read(&*other, "token").as_deref(), Some("again"));
    assert_eq!(names(&*other), ["token"]);
}

fn removing_tells_whether_there_was_one(household: &impl Household) {
    let store = household.store();
    assert!(!store.remove(&name("token")).unwrap());
    store.write(&name("token"), &secret("hunter2")).unwrap();
    store.write(&name("other"), &secret("hunter3")).unwrap();
    assert!(household.store().remove(&name("token")).unwrap());
    assert!(!store.remove(&name("token")).unwrap());
    assert_eq!(read(&*store, "token"), None);
    assert_eq!(read(&*store, "other").as_deref(), Some("hunter3"));
}

fn projects_neither_see_nor_change_what_others_keep(household: &impl Household) {
    let (one, other) = (household.store(), household.of_another_project());
    one.write(&name("token"), &secret("one")).unwrap();
    assert_eq!(read(&*other, "token"), None);
    assert!(names(&*other).is_empty());
    other.write(&name("token"), &secret("other")).unwrap();
    assert_eq!(read(&*one, "token").as_deref(), Some("one"));
    let held = one.hold(&name("token")).unwrap();
    assert!(held.is_some() && other.hold(&name("token")).unwrap().is_some());
    assert!(other.remove(&name("token")).unwrap());
    assert_eq!(read(&*one, "token").as_deref(), Some("one"));
    assert_ne!(one.describe(), other.describe());
}

fn two_that_write_at_once_lose_nothing_of_each_other(household: &(impl Household + Sync)) {
    const WRITERS: usize = 4;
    const SECRETS: usize = 10;
    let start = Barrier::new(WRITERS);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let start = &start;
            scope.spawn(move || {
                // A store of its own has file descriptors and connections of its own, as another process has.
                let store = household.store();
                start.wait();
                for index in 0..SECRETS {
                    store.write(&name(&format!("w{writer}-{index}")), &secret("value")).unwrap();
                    assert!(store.read(&name("w0-0")).is_ok(), "a reader never finds half a store");
                }
            });
        }
    });
    assert_eq!(household.store().list().unwrap().len(), WRITERS * SECRETS);
}

fn two_that_write_the_same_secret_at_once_leave_one_of_the_two_values(household: &(impl Household + Sync)) {
    let start = Barrier::new(2);
    thread::scope(|scope| {
        for value in ["one", "other"] {
            let start = &start;
            scope.spawn(move || {
                let store = household.store();
                start.wait();
                for _ in 0..10 {
                    store.write(&name("token"), &secret(value)).unwrap();
                    assert!(matches!(read(&*store, "token").as_deref(), Some("one" | "other")));
                }
            });
        }
    });
    assert_eq!(names(&*household.store()), ["token"]);
}

fn a_secret_is_held_by_one_at_a_time_and_others_are_not_held_up(household: &impl Household) {
    let (one, other) = (household.store(), household.store());
    let held = one.hold(&name("refresh")).unwrap();
    assert!(held.is_some());
    assert!(other.hold(&name("refresh")).unwrap().is_none());
    assert!(other.hold(&name("another")).unwrap().is_some());
    one.write(&name("refresh"), &secret("second")).unwrap();
    drop(held);
    assert!(other.hold(&name("refresh")).unwrap().is_some());
}

fn every_text_comes_back_as_it_was(household: &impl Household) {
    let store = household.store();
    let comes_back = |value: String| {
        store.write(&name("any"), &secret(&value)).map_err(|failure| TestCaseError::fail(failure.to_string()))?;
        prop_assert_eq!(read(&*household.store(), "any"), Some(value));
        Ok(())
    };
    let long = "{\"key\": \"ÄÖ\\n\"}".repeat(4096);
    for value in ["", "\0", "a\0b", "\n", "a\n\nb\n", "\u{feff}😀", "\u{10ffff}", &long] {
        comes_back(value.to_owned()).unwrap();
    }
    TestRunner::new(ProptestConfig::with_cases(32)).run(&any::<String>(), comes_back).unwrap();
}

fn a_value_that_is_too_large_is_refused_and_not_told(household: &impl Household) {
    let store = household.store();
    let largest = "hunter2!".repeat(128 * 1024);
    store.write(&name("large"), &secret(&largest)).unwrap();
    assert_eq!(read(&*household.store(), "large"), Some(largest.clone()));
    let beyond = format!("{largest}!");
    let failure = store.write(&name("large"), &secret(&beyond)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::SecretStore);
    assert!(!crate::support::shown(&failure).contains("hunter2"), "{failure}");
    assert_eq!(read(&*household.store(), "large"), Some(largest), "what was there before still is");
}

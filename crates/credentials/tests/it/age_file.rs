//! The encrypted file: who can read it, and what happens when its key or its bytes are wrong.

use std::fs;
use std::sync::{Arc, Mutex};

use spile_model::{FailureKind, SecretStore};

use crate::support::{User, mode, name, secret, set_mode, shown};

#[test]
fn a_list_tells_when_each_was_written() {
    let user = User::new();
    user.store().write(&name("token"), &secret("hunter2")).unwrap();
    let kept = &user.store().list().unwrap()[0];
    assert_eq!((kept.name.as_str(), kept.changed), ("token", Some("2026-01-02T03:04:05Z".parse().unwrap())));
}

#[test]
fn neither_the_file_nor_what_is_beside_it_holds_a_value_or_a_name_openly() {
    let user = User::new();
    user.store().write(&name("github_token"), &secret("hunter2")).unwrap();
    let written = fs::read_to_string(user.project("spile.secrets.age")).unwrap();
    assert!(written.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"), "{written}");
    assert!(!written.contains("hunter2") && !written.contains("github_token"));
    let beside: Vec<_> = fs::read_dir(user.project("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 2, "the file and the folder of its locks, and no partial file: {beside:?}");
}

#[test]
fn the_file_its_key_and_its_locks_are_for_their_owner_alone() {
    let user = User::new();
    let store = user.store();
    let made = store.make_key().unwrap();
    assert_eq!(made, Some(user.identity()));
    store.write(&name("token"), &secret("hunter2")).unwrap();
    assert_eq!(mode(&user.project("spile.secrets.age")), 0o600);
    assert_eq!(mode(&user.identity()), 0o600);
    assert_eq!(mode(user.identity().parent().unwrap()), 0o700);
    assert_eq!(mode(&user.project(".spile.secrets.age.locks")), 0o700);
    assert_eq!(store.warning(), None);
    set_mode(&user.identity(), 0o640);
    assert_eq!(store.warning().unwrap().remedy, format!("chmod 600 {}", user.identity().display()));
}

#[test]
fn where_a_key_is_made_is_told_at_once_whatever_fails_afterwards() {
    let user = User::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let store = || {
        let heard = Arc::clone(&told);
        user.store().telling(Arc::new(move |path| heard.lock().unwrap().push(path.to_owned())))
    };
    // What cannot be removed is in the way of a writing.
    let partial = user.project(".spile.secrets.age.partial");
    fs::create_dir(&partial).unwrap();
    assert!(store().write(&name("token"), &secret("hunter2")).is_err());
    assert_eq!(*told.lock().unwrap(), [user.identity()]);
    fs::remove_dir(&partial).unwrap();
    store().write(&name("token"), &secret("hunter2")).unwrap();
    assert!(store().hold(&name("token")).unwrap().is_some());
    assert_eq!(told.lock().unwrap().len(), 1, "it was made once");
}

#[test]
fn what_a_killed_process_has_left_half_written_is_gone_after_the_next_writing() {
    let user = User::new();
    fs::create_dir_all(user.identity().parent().unwrap()).unwrap();
    let left = [user.project(".spile.secrets.age.partial"), user.identity().with_file_name(".identity.txt.partial")];
    for partial in &left {
        fs::write(partial, "AGE-SECRET-KEY-1").unwrap();
        set_mode(partial, 0o644);
    }
    user.store().write(&name("token"), &secret("hunter2")).unwrap();
    assert!(left.iter().all(|partial| !partial.exists()));
    assert_eq!((mode(&user.project("spile.secrets.age")), mode(&user.identity())), (0o600, 0o600));
    assert_eq!(user.store().read(&name("token")).unwrap().unwrap().expose(), "hunter2");
}

#[test]
fn a_second_secret_makes_no_second_key() {
    let user = User::new();
    user.store().write(&name("token"), &secret("hunter2")).unwrap();
    let key = fs::read(user.identity()).unwrap();
    assert_eq!(user.store().make_key().unwrap(), None);
    user.store().write(&name("other"), &secret("hunter3")).unwrap();
    assert_eq!(fs::read(user.identity()).unwrap(), key);
}

#[test]
fn removing_tells_whether_there_was_one_and_makes_nothing() {
    let user = User::new();
    assert!(!user.store().remove(&name("token")).unwrap());
    assert!(!user.project("spile.secrets.age").exists() && !user.identity().exists());
    user.store().write(&name("token"), &secret("hunter2")).unwrap();
    assert!(user.store().remove(&name("token")).unwrap());
    assert!(user.store().read(&name("token")).unwrap().is_none());
}

#[test]
fn without_its_key_or_with_another_one_the_file_is_neither_read_nor_written() {
    let user = User::new();
    user.store().write(&name("token"), &secret("hunter2")).unwrap();
    let before = fs::read(user.project("spile.secrets.age")).unwrap();

    fs::rename(user.identity(), user.identity().with_extension("away")).unwrap();
    let failure = user.store().write(&name("token"), &secret("hunter3")).unwrap_err();
    assert_eq!(failure.kind, FailureKind::SecretStore);
    let message = format!("the key of the secret store is not at {}", user.identity().display());
    assert!(failure.to_string().starts_with(&message), "{failure}");
    assert!(!user.identity().exists(), "no new key is made for a file that another one opens");

    let other = User::new();
    other.store().make_key().unwrap();
    fs::copy(other.identity(), user.identity()).unwrap();
    for failure in [user.store().read(&name("token")).unwrap_err(), user.store().hold(&name("token")).unwrap_err()] {
        assert!(failure.to_string().contains("was encrypted with another key"), "{failure}");
    }
    assert!(user.store().write(&name("token"), &secret("hunter3")).is_err());
    assert_eq!(fs::read(user.project("spile.secrets.age")).unwrap(), before);
}

#[test]
fn the_key_comes_from_the_environment_where_that_says_so() {
    let user = User::new();
    user.store().write(&name("token"), &secret("hunter2")).unwrap();
    let key = fs::read_to_string(user.identity()).unwrap();
    let elsewhere = user.project("key.txt");
    fs::rename(user.identity(), &elsewhere).unwrap();
    let read = |user: &User| user.store().read(&name("token")).map(|found| found.unwrap().expose().to_owned());

    let user = user.with("SPILE_AGE_KEY_FILE", elsewhere.to_str().unwrap());
    assert_eq!(read(&user).unwrap(), "hunter2");
    let twice = user.with("SPILE_AGE_KEY", &key);
    let failure = read(&twice).unwrap_err();
    assert!(failure.to_string().contains("given twice, by SPILE_AGE_KEY_FILE and by SPILE_AGE_KEY"), "{failure}");
    let by_text = twice.with("SPILE_AGE_KEY_FILE", "");
    assert_eq!(read(&by_text).unwrap(), "hunter2");
    let cut = by_text.with("SPILE_AGE_KEY", &key.trim_end()[..key.len() - 4]);
    let failure = read(&cut).unwrap_err();
    assert!(failure.to_string().contains("line 3 of SPILE_AGE_KEY is not an age identity"), "{failure}");
    assert!(!shown(&failure).contains("AGE-SECRET-KEY-1Q") && !shown(&failure).contains(&key[key.len() - 30..]));
}

#[test]
fn a_passphrase_opens_what_it_has_closed() {
    let user = User::new().with("SPILE_AGE_PASSPHRASE", "correct horse battery staple");
    user.store().write(&name("token"), &secret("hunter2")).unwrap();
    assert!(!user.identity().exists());
    assert_eq!(user.store().read(&name("token")).unwrap().unwrap().expose(), "hunter2");
    let other = user.with("SPILE_AGE_PASSPHRASE", "wrong");
    let failure = other.store().read(&name("token")).unwrap_err();
    let message = "was encrypted with another key: the passphrase in SPILE_AGE_PASSPHRASE does not open it";
    assert!(failure.to_string().ends_with(message), "{failure}");
}

#[test]
fn a_damaged_or_foreign_file_is_told_and_left_alone() {
    let user = User::new();
    user.store().write(&name("token"), &secret("hunter2")).unwrap();
    let path = user.project("spile.secrets.age");
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&b""[..], b"token: hunter2\n", &whole[..whole.len() - 60], &flipped] {
        fs::write(&path, damaged).unwrap();
        let failure = user.store().read(&name("token")).unwrap_err();
        assert_eq!(failure.kind, FailureKind::SecretStore);
        assert!(!shown(&failure).contains("hunter2"), "{failure}");
        assert!(user.store().write(&name("token"), &secret("hunter3")).is_err());
        assert_eq!(fs::read(&path).unwrap(), damaged);
    }
}

#[test]
fn a_folder_that_is_not_there_is_told_and_not_made() {
    let user = User::new();
    fs::remove_dir(user.project("")).unwrap();
    let failure = user.store().write(&name("token"), &secret("hunter2")).unwrap_err();
    assert!(failure.to_string().contains("cannot be made: there is no folder"), "{failure}");
    assert!(!user.project("").exists() && !user.identity().exists());
}

#[cfg(unix)]
#[test]
fn a_link_to_the_file_stays_a_link() {
    let user = User::new();
    let goal = user.project("elsewhere.age");
    user.store().write(&name("token"), &secret("hunter2")).unwrap();
    fs::rename(user.project("spile.secrets.age"), &goal).unwrap();
    std::os::unix::fs::symlink(&goal, user.project("spile.secrets.age")).unwrap();
    let store = user.store();
    store.write(&name("token"), &secret("hunter3")).unwrap();
    assert!(user.project("spile.secrets.age").is_symlink() && goal.is_file());
    assert_eq!(store.read(&name("token")).unwrap().unwrap().expose(), "hunter3");
}

//! A credential in a text file of its own.

use std::fs;

use spile_credentials::Lookup;
use spile_model::FailureKind;
use spile_plan::CredentialSource;

use crate::support::{User, clock, set_mode, shown};

fn look(user: &User, content: &[u8], mode: u32) -> Result<spile_plan::Found, spile_model::Failure> {
    let path = user.project("token.txt");
    fs::write(&path, content).unwrap();
    set_mode(&path, mode);
    Lookup::new(user.environment(), clock()).look(&CredentialSource::File(path))
}

#[test]
fn the_value_is_the_text_without_the_line_breaks_at_its_end() {
    let user = User::new();
    for (content, value) in [("t0ken", "t0ken"), ("t0ken\n", "t0ken"), ("t0ken\r\n", "t0ken"), (" a\nb \n\n", " a\nb ")]
    {
        let look = look(&user, content.as_bytes(), 0o600).unwrap();
        assert_eq!(look.secret.unwrap().expose(), value);
        assert_eq!(look.warning, None);
    }
}

#[test]
fn a_file_that_is_not_there_or_empty_holds_no_credential() {
    let user = User::new();
    assert!(look(&user, b"\n", 0o600).unwrap().secret.is_none());
    let missing = CredentialSource::File(user.project("missing.txt"));
    assert!(Lookup::new(user.environment(), clock()).look(&missing).unwrap().secret.is_none());
}

#[test]
fn a_file_that_others_can_read_is_warned_about() {
    let user = User::new();
    for mode in [0o644, 0o640, 0o604] {
        let warning = look(&user, b"t0ken", mode).unwrap().warning.unwrap();
        assert!(
            warning.message.ends_with(&format!("others than its owner can read it (mode {mode:04o})")),
            "{warning:?}"
        );
        assert_eq!(warning.remedy, format!("chmod 600 {}", user.project("token.txt").display()));
    }
    assert!(look(&user, b"t0ken", 0o400).unwrap().warning.is_none());
}

#[test]
fn what_is_no_text_or_too_large_is_refused_without_being_quoted() {
    let user = User::new();
    let large = vec![b'x'; (1 << 20) + 1];
    for (content, why) in [(&b"t0ken\xff"[..], "is not UTF-8 text"), (&large, "is larger than 1 MiB")] {
        let failure = look(&user, content, 0o600).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Credential);
        assert!(shown(&failure).contains(why), "{failure}");
        assert!(!shown(&failure).contains("t0ken"));
    }
    let folder = CredentialSource::File(user.project(""));
    let failure = Lookup::new(user.environment(), clock()).look(&folder).unwrap_err();
    assert!(failure.to_string().ends_with("cannot be read"), "{failure}");
}

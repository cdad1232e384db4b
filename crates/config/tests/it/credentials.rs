//! Variables whose values are kept in files and stores: where they are looked for, and what is told when they are not
//! there.

use std::cell::RefCell;
use std::path::Path;

use insta::assert_snapshot;
use spile_config::{Loaded, Settings, load_str, secret_store, secret_store_named};
use spile_model::{Failure, FailureKind, Secret};
use spile_plan::{CredentialSource, Found, SecretStorePlan, Variable, VaultAuth, Warning};

/// Values that no message may show.
const VALUE: &str = "hunter2";

fn pipeline(variables: &str) -> String {
    format!(
        "name: demo\n{variables}source: {{ base_url: https://api.example.com }}\nstreams: {{ items: {{ path: /items }} }}\n\
         destination: duckdb:demo.duckdb\n"
    )
}

/// Loads with credentials as `look` finds them.
fn load(
    variables: &str,
    look: impl Fn(&CredentialSource) -> Result<Found, Failure>,
) -> Result<Loaded, spile_config::Diagnostics> {
    let settings = Settings { credentials: Box::new(look), ..Settings::none() };
    load_str("demo.yaml", &pipeline(variables), Some(Path::new("/etc/pipes")), &settings)
}

fn found(value: &str) -> Result<Found, Failure> {
    Ok(Found { secret: Some(Secret::new(value)), warning: None })
}

#[test]
fn a_variable_is_looked_for_where_it_says_and_secret_unless_it_says_otherwise() {
    let asked = RefCell::new(Vec::new());
    let variables =
        "variables:\n  a: { file: a.txt }\n  b: { store: b.key }\n  c: { file: /c, secret: false, default: 1 }\n";
    let loaded = load(variables, |source| {
        asked.borrow_mut().push(source.describe());
        found("7")
    });
    let plan = loaded.unwrap().plan;
    let places = ["the file /etc/pipes/a.txt", "`b.key` in the file /etc/pipes/spile.secrets.age", "the file /c"];
    assert_eq!(asked.into_inner(), places);
    for secret in ["a", "b"] {
        assert!(matches!(&plan.variables.0[secret], Variable::Secret(value) if value.expose() == "7"), "{secret}");
    }
    assert!(matches!(&plan.variables.0["c"], Variable::Plain(value) if value == 7), "of the default's kind");
}

#[test]
fn what_the_command_line_or_the_environment_gives_is_looked_for_nowhere_else() {
    let text = pipeline("variables:\n  a: { file: a.txt }\n  b: { store: b, env: B }\n");
    let settings = Settings {
        set: vec![("a".to_owned(), "one".to_owned())],
        env: Box::new(|name| (name == "B").then(|| "two".to_owned())),
        credentials: Box::new(|source| panic!("{} was asked", source.describe())),
        replayed: None,
    };
    let plan = load_str("demo.yaml", &text, None, &settings).unwrap().plan;
    assert_eq!(plan.variables.secrets().len(), 2);
}

#[test]
fn what_is_not_there_leaves_the_default_or_tells_how_it_gets_there() {
    let plan = load("variables: { a: { file: a.txt, default: none } }\n", |_| Ok(Found::default())).unwrap().plan;
    assert_eq!(plan.variables.secrets()[0].expose(), "none");
    let variables = "variables:\n  a: { file: a.txt }\n  b: { store: github_token, env: TOKEN }\n";
    assert_snapshot!(load(variables, |_| Ok(Found::default())).unwrap_err());
}

#[test]
fn every_credential_that_cannot_be_had_is_told_at_once_with_its_place() {
    let variables = "secrets: age:team.age\nvariables:\n  a: { file: a.txt, default: x }\n  b: { store: b }\n  c: { store: ../c }\n  d: { file: d, store: d }\n";
    let refused = load(variables, |source| {
        let kind = match source {
            CredentialSource::File(_) | CredentialSource::Vault { .. } => FailureKind::Credential,
            CredentialSource::Store { .. } => FailureKind::SecretStore,
        };
        Err(Failure::new(kind, format!("{} is out of reach", source.describe())).caused_by("permission denied"))
    });
    assert_snapshot!(refused.unwrap_err());
}

#[test]
fn a_warning_has_its_place_and_keeps_nothing_from_running() {
    let loaded = load("variables:\n  a: { file: a.txt }\n", |_| {
        let warning =
            Warning { message: "a.txt can be read by others".to_owned(), remedy: "chmod 600 a.txt".to_owned() };
        Ok(Found { secret: Some(Secret::new(VALUE)), warning: Some(warning) })
    });
    let loaded = loaded.unwrap();
    assert!(!loaded.warnings.has_errors());
    assert_snapshot!(loaded.warnings);
    let json = serde_json::to_value(&loaded.warnings).unwrap();
    assert_eq!([&json["problems"][0]["severity"], &json["problems"][0]["code"]], ["warning", "exposed"]);
}

#[test]
fn a_value_that_does_not_fit_is_not_shown() {
    let refused = load("variables:\n  a: { file: a.txt, secret: false, default: 1 }\n", |_| found(VALUE)).unwrap_err();
    assert!(!refused.to_string().contains(VALUE));
    assert_snapshot!(refused);
}

#[test]
fn the_secret_store_is_known_of_a_file_that_cannot_run_yet() {
    let folder = std::env::temp_dir().join(format!("spile-secret-store-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("demo.yaml");
    let store = |text: &str| {
        std::fs::write(&file, text).unwrap();
        secret_store(&file)
            .map_err(|diagnostics| diagnostics.to_string().replace(&*file.to_string_lossy(), "demo.yaml"))
    };
    assert_eq!(store("streams: 7\n"), Ok(SecretStorePlan::AgeFile(folder.join("spile.secrets.age"))));
    assert_eq!(store("secrets: age:a.age\n"), Ok(SecretStorePlan::AgeFile(folder.join("a.age"))));
    let keyring = || Ok(SecretStorePlan::Keyring { project: "shop-2".to_owned() });
    assert_eq!(store("secrets: keyring:shop-2\n"), keyring());
    assert_eq!(store("secrets: ' keyring: shop-2 '\n"), keyring());
    assert_snapshot!(store("secrets: [age]\n").unwrap_err());
    for odd in ["keyring", "keyring:", "keyring:a/b", "keyring:..", "keyrings:a"] {
        let refused = store(&format!("secrets: '{odd}'\n")).unwrap_err();
        assert!(refused.contains("expected: `keyring:PROJECT`, where PROJECT tells"), "{odd}: {refused}");
    }
    assert!(store("a: {").is_err());
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(secret_store_named("duckdb:x", None).is_err());
}

#[test]
fn vault_is_asked_with_what_other_places_hold() {
    let variables = "vault:\n  address: 'https://{{ host }}:8200'\n  auth: { approle: { role_id: r, secret_id: '{{ id }}' } }\nvariables:\n  token: { vault: { path: /secret/data/github, field: token } }\n  host: vault.test\n  id: { file: id }\n";
    let loaded = load(variables, |source| match source {
        CredentialSource::Vault { server, field } => {
            assert_eq!(server.address.as_deref(), Some("https://vault.test:8200"));
            let VaultAuth::AppRole { mount, role_id, secret_id } = &server.auth else { panic!("{server:?}") };
            assert_eq!((mount.as_str(), role_id.expose()), ("approle", "r"));
            assert_eq!(secret_id.as_ref().unwrap().expose(), VALUE);
            assert_eq!((field.path.as_str(), field.field.as_str()), ("secret/data/github", "token"));
            found("from vault")
        }
        _ => found(VALUE),
    });
    let plan = loaded.map_err(|diagnostics| diagnostics.to_string()).unwrap().plan;
    assert!(matches!(&plan.variables.0["token"], Variable::Secret(value) if value.expose() == "from vault"));
}

#[test]
fn what_is_wrong_with_vault_is_told_at_its_place() {
    let variables = "vault: { auth: { token: '{{ a }}' } }\nvariables:\n  a: { vault: { path: p, field: f } }\n  b: { file: b, vault: { path: p, field: f } }\n  c: { vault: { path: p } }\n";
    assert_snapshot!(load(variables, |_| Ok(Found::default())).unwrap_err());
    let missing = "variables: { a: { vault: { path: kv/a, field: f } } }\n";
    assert_snapshot!(load(missing, |_| Ok(Found::default())).unwrap_err());
    let literal = "vault: { auth: { token: hunter2 }, adress: x }\n";
    assert!(!load(literal, |_| Ok(Found::default())).unwrap_err().to_string().contains(VALUE));
}

#[test]
fn no_message_shows_a_secret_that_stands_where_something_else_is_meant() {
    let found = |_: &_| Ok(Found { secret: Some(Secret::new(VALUE)), warning: None });
    let settings = || Settings { credentials: Box::new(found), ..Settings::none() };
    for (source, said) in [
        ("tls: { ca: '{{ key }}' }", "what stands in `ca` is no PEM"),
        ("tls: { client_certificate: '{{ key }}', client_key: '{{ key }}' }", "what stands in `client_key` is no PEM"),
        ("proxy: { url: 'http://127.0.0.1:9', no_proxy: '{{ key }} !' }", "it names no host"),
        ("api_version: { value: v1, path: '/{{ key }}?' }", "a secret variable cannot be used here"),
    ] {
        let text = format!(
            "name: demo\nvariables: {{ key: {{ file: key }} }}\nsource:\n  base_url: \
             https://api.example.com\n  {source}\nstreams: {{ items: {{ path: /items }} }}\ndestination: duckdb:{{{{ key }}}}.duckdb\n"
        );
        let refused = load_str("demo.yaml", &text, Some(Path::new("/etc/pipes")), &settings()).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
        assert!(refused.contains("everybody sees the name of a file"), "{refused}");
        assert!(!refused.contains(VALUE), "{refused}");
    }
}

//! Where the variables' values come from, now and where a run is replayed.

use spile_config::{Replayed, Settings, load_str};
use spile_plan::{AuthPlan, ProxyPlan, Variable};

use crate::load;
use crate::plans::{SHORT, github};

#[test]
fn a_variable_is_set_before_the_environment_before_the_default() {
    let text = SHORT.replace(
        "source:",
        "variables:\n  a: { default: one, env: A }\n  b: { default: one, env: B }\n  c: { default: one, env: C }\n  list: [x]\n  n: 5\n  v: 1.10\nsource:",
    );
    let env = |name: &str| match name {
        "A" | "B" => Some("two".to_owned()),
        "C" => Some(String::new()),
        _ => None,
    };
    let set = [("a", "three"), ("list", "p, q"), ("n", "7")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let plan = load_str("p", &text, None, &Settings { set: set.into(), env: Box::new(env), ..Settings::none() });
    let plan = plan.unwrap().plan;
    let value = |name: &str| match &plan.variables.0[name] {
        Variable::Plain(value) => value.to_string(),
        Variable::Secret(_) => "secret".to_owned(),
    };
    assert_eq!(["a", "b", "c"].map(value), ["\"three\"", "\"two\"", "\"one\""]);
    assert_eq!(["list", "n", "v"].map(value), ["[\"p\",\"q\"]", "7", "\"1.10\""]);
}

#[test]
fn secrets_cannot_be_seen_in_a_plan() {
    let plan = github();
    assert!(matches!(&plan.variables.0["token"], Variable::Secret(secret) if secret.expose() == "ghp_secret"));
    assert!(!format!("{:?}", plan.variables).contains("ghp_secret"));
    let literal = SHORT.replace("api.example.com }", "api.example.com, auth: { bearer: hunter2 } }");
    let secrets = load(&literal).unwrap().variables.secrets();
    assert_eq!(secrets[0].expose(), "hunter2", "a credential in the file itself is kept out of messages too");
}

#[test]
fn a_replayed_pipeline_has_the_recorded_variables_and_needs_no_secret() {
    let text = format!(
        "{SHORT}variables:\n  a: {{ env: A }}\n  b: {{ default: 1 }}\n  c: {{ env: C }}\n  s: {{ secret: true, env: S }}\n  \
         t: {{ store: shop/token }}\n"
    );
    let recorded = [("a", "one".into()), ("b", 2.into()), ("c", "three".into()), ("gone", 4.into())];
    let recorded = recorded.map(|(name, value): (&str, serde_json::Value)| (name.to_owned(), value));
    let settings = Settings {
        set: vec![("c".to_owned(), "mine".to_owned())],
        env: Box::new(|_| Some("now".to_owned())),
        replayed: Some(Replayed(recorded.into())),
        ..Settings::none()
    };
    let plan = load_str("p", &text, None, &settings).map_err(|problems| problems.to_string()).unwrap().plan;
    let value = |name: &str| match &plan.variables.0[name] {
        Variable::Plain(value) => value.to_string(),
        Variable::Secret(secret) => format!("secret {}", secret.expose()),
    };
    let values = ["a", "b", "c", "s", "t"].map(value);
    assert_eq!(values, ["\"one\"", "2", "\"mine\"", "secret [redacted]", "secret [redacted]"]);
}

#[test]
fn a_replayed_pipeline_reaches_nothing_and_names_the_secret_that_must_be_known_all_the_same() {
    let replayed = |source: &str| {
        let text = SHORT.replace("base_url: https://api.example.com", source);
        let text = text.replace("\nsource:", "\nvariables: { pp: { secret: true, env: PP } }\nsource:");
        let settings = Settings { replayed: Some(Replayed([].into())), ..Settings::none() };
        load_str("p", &text, None, &settings).map(|loaded| loaded.plan.source).map_err(|problems| problems.to_string())
    };
    for source in [
        "proxy: { url: '{{ pp }}' }",
        "tls: { ca: '{{ pp }}', client_certificate: '{{ pp }}', client_key: '{{ pp }}' }",
        "auth: { oauth2: { token_url: '{{ pp }}', client_id: me, client_secret: '{{ pp }}' } }",
        "auth: { session: { url: '{{ pp }}', token: $.token, send: { bearer: '{{ session_token }}' } } }",
    ] {
        let plan = replayed(&format!("base_url: https://api.example.com, {source}")).unwrap();
        assert!(matches!((&plan.proxy, &plan.auth), (ProxyPlan::None, AuthPlan::None)), "{source}");
        assert!(plan.tls.authorities.is_none() && plan.tls.identity.is_none(), "{source}");
    }
    let refused = replayed("base_url: '{{ pp }}'").unwrap_err();
    assert!(refused.contains("`pp` is not set") && refused.contains("give it by `--set pp=…`"), "{refused}");
}

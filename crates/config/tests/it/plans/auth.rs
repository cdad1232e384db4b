//! What becomes of `auth`.

use std::time::Duration;

use spile_config::{Settings, load_str};
use spile_plan::{
    AuthPlan, ClientPlan, ClientProof, ExpiryPlace, GrantPlan, HmacAlgorithm, HmacEncoding, JwtAlgorithm, TokenSource,
};

use crate::load;
use crate::plans::SHORT;

/// The plan of the authentication that `auth` says.
fn auth(auth: &str) -> Result<AuthPlan, String> {
    let text = SHORT.replace("api.example.com }", &format!("api.example.com, auth: {auth} }}"));
    let text = text.replace("\nsource:", "\nvariables: { key: { secret: true, env: KEY } }\nsource:");
    let env = |name: &str| (name == "KEY").then(|| "k3y".to_owned());
    let settings = Settings { env: Box::new(env), ..Settings::none() };
    load_str("p", &text, None, &settings)
        .map(|loaded| loaded.plan.source.auth)
        .map_err(|diagnostics| diagnostics.to_string())
}

#[test]
fn oauth2_needs_little_and_takes_much() {
    let least = "{ oauth2: { token_url: 'https://a.test/t?x=1', client_id: me, client_secret: '{{ key }}' } }";
    let AuthPlan::OAuth2(plan) = auth(least).unwrap() else { panic!("{least}") };
    assert_eq!(plan.token_url, "https://a.test/t?x=1");
    let GrantPlan::ClientCredentials(client) = plan.grant else { panic!("{least}") };
    assert!(matches!(&client.proof, ClientProof::Basic(secret) if secret.source() == "{{ key }}"));
    assert!(plan.scopes.is_empty() && plan.parameters.is_empty() && plan.lifetime.is_none());
    let most = "{ oauth2: { token_url: 'http://localhost:80/', client_id: me, client_secret: x, client_auth: body, \
                scopes: [a, b], audience: c, parameters: { resource: [d, e] }, lifetime: 5m } }";
    let AuthPlan::OAuth2(plan) = auth(most).unwrap() else { panic!("{most}") };
    let GrantPlan::ClientCredentials(client) = plan.grant else { panic!("{most}") };
    assert!(matches!(&client.proof, ClientProof::Body(secret) if secret.source() == "x"));
    let scopes: Vec<&str> = plan.scopes.iter().map(spile_expression::Template::source).collect();
    assert_eq!((scopes, plan.lifetime), (vec!["a", "b"], Some(Duration::from_secs(300))));
    let parameters: Vec<_> = plan.parameters.iter().map(|named| (named.name.as_str(), named.value.source())).collect();
    assert_eq!(parameters, [("resource", "d"), ("resource", "e"), ("audience", "c")]);
}

#[test]
fn what_is_signed_claims_what_the_file_says() {
    let jwt = "{ key: '{{ key }}', algorithm: EdDSA, key_id: k1, claims: { iss: me, admin: true }, lifetime: 1m }";
    let bearer = format!("{{ jwt_bearer: {{ token_url: https://a.test/t, assertion: {jwt}, scopes: a }} }}");
    let by_key = format!("{{ oauth2: {{ token_url: https://a.test/t, client_id: me, private_key: {jwt} }} }}");
    for text in [bearer, by_key] {
        let AuthPlan::OAuth2(plan) = auth(&text).unwrap() else { panic!("{text}") };
        let (GrantPlan::JwtBearer(jwt)
        | GrantPlan::ClientCredentials(ClientPlan { proof: ClientProof::PrivateKey(jwt), .. })) = plan.grant
        else {
            panic!("{text}")
        };
        assert_eq!((jwt.algorithm, jwt.lifetime), (JwtAlgorithm::EdDsa, Duration::from_secs(60)));
        let claims = jwt.claims.render(&spile_expression::Scope::default()).unwrap().unwrap();
        assert_eq!(claims, serde_json::json!({"iss": "me", "admin": true}));
    }
    let google = auth("{ google_service_account: { key: '{{ key }}', scopes: [a, b] } }").unwrap();
    let AuthPlan::OAuth2(plan) = google else { panic!("{google:?}") };
    assert_eq!(plan.token_url, "https://oauth2.googleapis.com/token");
    assert_eq!(plan.scopes.len(), 2);
}

#[test]
fn a_refresh_token_or_a_login_makes_it_a_persons_consent() {
    let consent = |more: &str| {
        let plan = auth(&format!("{{ oauth2: {{ token_url: https://a.test/t, client_id: me, {more} }} }}")).unwrap();
        let AuthPlan::OAuth2(plan) = plan else { panic!("{more}") };
        let GrantPlan::Consent(consent) = plan.grant else { panic!("{more}") };
        (*consent, plan.parameters)
    };
    let (seeded, _) = consent("refresh_token: '{{ key }}'");
    assert!(matches!(seeded.client.proof, ClientProof::None), "a public client");
    assert!(seeded.refresh_token.is_some_and(|seed| seed.source() == "{{ key }}") && seeded.login.is_none());
    let (asked, _) = consent("client_secret: '{{ key }}', login: { authorization_url: https://a.test/ask }");
    let login = asked.login.unwrap();
    assert_eq!(login.redirect_uri, "http://127.0.0.1/callback");
    assert!(
        matches!(asked.client.proof, ClientProof::Basic(_)) && login.device_url.is_none() && login.issuer.is_none()
    );
    let (most, parameters) = consent(
        "refresh_token: '{{ key }}', audience: api, login: { authorization_url: https://a.test/ask, device_url: \
         https://a.test/device, redirect_uri: 'http://localhost:8400/cb', issuer: https://a.test, parameters: { prompt: \
         consent } }",
    );
    let login = most.login.unwrap();
    assert_eq!(
        (login.redirect_uri.as_str(), login.issuer.as_deref()),
        ("http://localhost:8400/cb", Some("https://a.test"))
    );
    let named = |parameters: &[spile_plan::NamedTemplate]| -> Vec<(String, String)> {
        parameters.iter().map(|named| (named.name.clone(), named.value.source().to_owned())).collect()
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(named(&login.parameters), [pair("prompt", "consent"), pair("audience", "api")]);
    assert_eq!(named(&parameters), [pair("audience", "api")]);
}

#[test]
fn a_login_that_cannot_be_is_told_with_its_place() {
    for (login, complaint) in [
        ("{ issuer: x }", "`login` does not say where a person is asked"),
        ("{ authorization_url: http://a.test/x }", "`authorization_url` would send secrets openly"),
        ("{ authorization_url: 'https://a.test/{{ key }}' }", "a secret variable cannot be used here"),
        ("{ device_url: nowhere }", "`device_url` is not a whole address"),
        (
            "{ device_url: https://a.test/d, redirect_uri: 'http://a.test/cb' }",
            "`redirect_uri` would send the code openly",
        ),
        ("{ device_url: https://a.test/d, redirect_uri: 'https://localhost:80/cb' }", "wants TLS of this machine"),
        ("{ device_url: https://a.test/d, redirect_uri: 'http://localhost/cb#x' }", "has a fragment"),
        (
            "{ device_url: https://a.test/d, parameters: { state: x } }",
            "`state` cannot be one of the further parameters",
        ),
        (
            "{ device_url: https://a.test/d, parameters: { hint: '{{ key }}' } }",
            "a secret variable cannot be used here",
        ),
    ] {
        let told = auth(&format!("{{ oauth2: {{ token_url: https://a.test/t, client_id: me, login: {login} }} }}"));
        let told = told.unwrap_err();
        assert!(told.contains(complaint) && !told.contains("k3y"), "{login}: {told}");
    }
}

const CHOICE: &str = "
name: demo
variables:
  kind: token
  token: { secret: true, env: TOKEN }
  secret: { secret: true, env: SECRET }
source:
  base_url: https://api.example.com
  auth:
    choose:
      by: \"{{ kind }}\"
      from:
        token: { bearer: \"{{ token }}\" }
        open: none
        client:
          oauth2: { token_url: https://a.test/t, client_id: me, client_secret: \"{{ secret }}\" }
streams: { items: { path: /items } }
destination: duckdb:demo.duckdb
";

/// The kind that is chosen by this value, where only these environment variables are set.
fn chosen(text: &str, kind: &str, given: &'static [&'static str]) -> Result<AuthPlan, String> {
    let env = |name: &str| given.contains(&name).then(|| "k3y".to_owned());
    let set = vec![("kind".to_owned(), kind.to_owned())];
    let settings = Settings { set, env: Box::new(env), ..Settings::none() };
    load_str("p", text, None, &settings)
        .map(|loaded| loaded.plan.source.auth)
        .map_err(|diagnostics| diagnostics.to_string())
}

#[test]
fn of_several_kinds_the_named_one_is_planned_and_only_its_variables_need_values() {
    assert!(matches!(chosen(CHOICE, "token", &["TOKEN"]).unwrap(), AuthPlan::Bearer(_)));
    assert!(matches!(chosen(CHOICE, "client", &["SECRET"]).unwrap(), AuthPlan::OAuth2(_)));
    assert!(matches!(chosen(CHOICE, "open", &[]).unwrap(), AuthPlan::None));
    let lacks = chosen(CHOICE, "client", &["TOKEN"]).unwrap_err();
    assert!(lacks.contains("the variable `secret` has no value") && !lacks.contains("`token`"), "{lacks}");
    let used_elsewhere = CHOICE.replace("path: /items", "path: \"/{{ token }}\"");
    let lacks = chosen(&used_elsewhere, "open", &[]).unwrap_err();
    assert!(lacks.contains("the variable `token` has no value"), "a stream reads it: {lacks}");
}

#[test]
fn a_choice_that_nothing_is_called_names_what_there_is_and_mistakes_are_found_in_every_kind() {
    let told = chosen(CHOICE, "tokn", &[]).unwrap_err();
    assert!(told.contains("none is called `tokn`") && told.contains("did you mean `token`"), "{told}");
    assert!(told.contains("`token`, `open` or `client`") && !told.contains("has no value"), "{told}");
    let broken = CHOICE.replace("https://a.test/t", "http://a.test/t").replace("{{ token }}", "{{ tokn }}");
    let told = chosen(&broken, "open", &[]).unwrap_err();
    assert!(told.contains("oauth2: { token_url: http://a.test/t"), "the place is shown: {told}");
    assert!(told.contains("would send secrets openly") && told.contains("nothing is called `tokn` here"), "{told}");
    let nested = CHOICE.replace("open: none", "open: { choose: { by: x, from: { x: none } } }");
    assert!(chosen(&nested, "token", &["TOKEN"]).unwrap_err().contains("cannot be a choice itself"));
}

#[test]
fn a_client_proves_who_it_is_in_exactly_one_way() {
    for (more, complaint) in [
        ("", "does not say how the client proves who it is"),
        (", client_secret: x, private_key: { key: y }", "has no use for `client_secret`"),
        (", client_auth: body, private_key: { key: y }", "has no use for `client_auth`"),
        (", client_auth: body, refresh_token: y", "does not say how the client proves who it is"),
    ] {
        let told = auth(&format!("{{ oauth2: {{ token_url: https://a.test/t, client_id: me{more} }} }}")).unwrap_err();
        assert!(told.contains(complaint), "{told}");
    }
}

#[test]
fn a_session_is_a_login_and_how_its_token_is_sent() {
    let least = "{ session: { url: https://a.test/login, token: $.token } }";
    let AuthPlan::Session(plan) = auth(least).unwrap() else { panic!("{least}") };
    assert_eq!((plan.login.method.as_str(), plan.login.url.as_str()), ("POST", "https://a.test/login"));
    assert!(plan.login.body.is_none() && plan.expiry.is_none() && plan.send.is_empty() && plan.lifetime.is_none());
    let most = "{ session: { url: 'http://127.0.0.1:1/', method: PUT, headers: { X-A: '{{ signed_jwt }}' }, body: { \
                json: { password: hunter2, user: me } }, sign: { key: '{{ key }}' }, token: { header: X-T }, \
                expires_in: $.n, lifetime: 1h, send: { X-S: 'T {{ session_token }}' } } }";
    let AuthPlan::Session(plan) = auth(most).unwrap() else { panic!("{most}") };
    assert!(matches!(&plan.token, TokenSource::Header(name) if name == "X-T"));
    assert!(matches!(&plan.expiry, Some(ExpiryPlace::Seconds(path)) if path.source() == "$.n"));
    assert_eq!((plan.send[0].name.as_str(), plan.login.headers.len()), ("X-S", 1));
    let text =
        SHORT.replace("api.example.com }", &format!("api.example.com, auth: {} }}", most.replace("{{ key }}", "k")));
    let secrets = load(&text).unwrap().variables.secrets();
    let secrets: Vec<&str> = secrets.iter().map(spile_model::Secret::expose).collect();
    assert_eq!(secrets, ["hunter2", "k"], "credentials in the file are kept out of messages, other words are not");
}

#[test]
fn aws_signs_for_the_gateway_unless_the_service_is_another_one() {
    let keys = "access_key_id: AKIA1, secret_access_key: '{{ key }}', region: eu-central-1";
    for (more, service, temporary) in
        [("", "execute-api", false), (", service: s3, session_token: '{{ key }}'", "s3", true)]
    {
        let AuthPlan::Aws(plan) = auth(&format!("{{ aws: {{ {keys}{more} }} }}")).unwrap() else { panic!("{more}") };
        assert_eq!((plan.service.as_str(), plan.region.as_str()), (service, "eu-central-1"));
        assert_eq!(plan.session_token.is_some(), temporary);
    }
}

#[test]
fn hmac_signs_what_its_template_says_and_sends_the_signature() {
    let least =
        "{ hmac: { key: '{{ key }}', message: '{{ request.body }}', headers: { X-S: '{{ request.signature }}' } } }";
    let AuthPlan::Hmac(plan) = auth(least).unwrap() else { panic!("{least}") };
    assert_eq!((plan.algorithm, plan.encoding), (HmacAlgorithm::Sha256, HmacEncoding::Hex));
    let unsent =
        auth("{ hmac: { key: '{{ key }}', message: x, headers: { X-S: '{{ request.time }}' } } }").unwrap_err();
    assert!(unsent.contains("do not send the signature"), "{unsent}");
}

#[test]
fn a_session_that_cannot_work_is_refused() {
    for (more, complaint) in [
        (", send: { X-S: x }", "does not send the token"),
        (", send: { X-S: '{{ signed_jwt }}' }", "nothing is called `signed_jwt` here"),
        (", headers: { X-S: '{{ signed_jwt }}' }", "the login signs nothing"),
        (", headers: { X-S: '{{ session_token }}' }", "the token is there for `send` only"),
        (", expires_in: $.a, expires_at: $.b", "has both `expires_in` and `expires_at`"),
        (", expires_in: '$.a['", "is not a JSONPath"),
    ] {
        let told = auth(&format!("{{ session: {{ url: https://a.test/login, token: $.token{more} }} }}")).unwrap_err();
        assert!(told.contains(complaint), "{told}");
    }
    let plain = auth("{ session: { url: http://a.test/login, token: $.token } }").unwrap_err();
    assert!(plain.contains("would send secrets openly") && plain.contains("$.token"), "{plain}");
}

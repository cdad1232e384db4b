use super::*;
use crate::aside::Unheard;
use crate::redact::Redactor;
use crate::retry::RetryPolicy;
use http::header::{AUTHORIZATION, COOKIE};
use reqwest::{Method, Url};
use spile_model::NoSecretStore;
use spile_plan::{GrantPlan, JsonTemplate, JwtAlgorithm, JwtPlan, KeyPlace, OAuth2Plan};
use spile_testkit::plan::template;

const KEY: &str = "s3cret/+= key";

fn scope() -> Scope {
    Scope::default().with("token", KEY).with("bare", "s3cret").with("unset", None::<String>).with("broken", "a\nb")
}

fn request() -> reqwest::Request {
    let mut request = reqwest::Request::new(Method::GET, Url::parse("http://a.test/x?page=1&key=old").unwrap());
    request.headers_mut().insert(AUTHORIZATION, "mine".parse().unwrap());
    request.headers_mut().insert("x-key", "mine".parse().unwrap());
    request.headers_mut().insert(COOKIE, "lang=en; session=old".parse().unwrap());
    request
}

fn api_key(place: KeyPlace, name: &str, value: &str) -> AuthPlan {
    AuthPlan::ApiKey { place, name: name.to_owned(), value: template(value) }
}

/// One of each kind, with what it must put where.
fn kinds() -> Vec<(&'static str, AuthPlan)> {
    vec![
        ("bearer", AuthPlan::Bearer(template("{{ token }}"))),
        ("basic", AuthPlan::Basic { username: template("me"), password: template("{{ token }}") }),
        ("header", api_key(KeyPlace::Header, "X-Key", "{{ token }}")),
        ("query", api_key(KeyPlace::Query, "key", "{{ token }}")),
        ("cookie", api_key(KeyPlace::Cookie, "session", "{{ bare }}")),
    ]
}

fn try_prepare(plan: &AuthPlan) -> Result<Authenticator, Failure> {
    let mut pipeline = spile_testkit::plan::pipeline("http://a.test", Vec::new());
    pipeline.source.auth = plan.clone();
    Authenticator::prepare(&pipeline, &scope(), Arc::new(NoSecretStore))
}

fn prepare(plan: &AuthPlan) -> Authenticator {
    try_prepare(plan).unwrap()
}

/// Credentials that are there at once.
fn authorise(authenticator: &Authenticator, request: &mut reqwest::Request) {
    let asking = Asking {
        retries: Arc::new(RetryPolicy::new(spile_plan::RetryPlan::default(), 1)),
        redactor: Arc::new(Redactor::knowing(Vec::new(), std::collections::BTreeSet::new())),
        clock: Arc::new(spile_model::clock::SystemClock),
        stop: tokio_util::sync::CancellationToken::new(),
        hears: Arc::new(Unheard),
    };
    let used = futures_now(authenticator.authorise(request, &asking)).unwrap();
    assert_eq!(used, Used::Fixed);
}

/// What a future that never waits comes to.
fn futures_now<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn every_kind_marks_what_it_sends_as_sensitive_and_knows_its_secrets() {
    for (name, plan) in kinds() {
        let authenticator = prepare(&plan);
        let before = request();
        let mut after = request();
        authorise(&authenticator, &mut after);
        assert!(!authenticator.secrets().is_empty(), "{name}");
        let changed = |headers: &HeaderMap| {
            let of = |map: &HeaderMap, name| map.get(name).cloned();
            headers.keys().filter(|name| of(headers, *name) != of(before.headers(), *name)).cloned().collect::<Vec<_>>()
        };
        let changed = changed(after.headers());
        let in_query = after.url() != before.url();
        assert_eq!(changed.len() + usize::from(in_query), 1, "{name} puts its credential into one place");
        assert!(changed.iter().all(|header| after.headers()[header].is_sensitive()), "{name}");
        assert!(!format!("{:?}", after.headers()).contains("s3cret"), "{name}");
    }
}

#[test]
fn every_kind_gives_the_same_when_it_authorises_twice() {
    for (name, plan) in kinds() {
        let authenticator = prepare(&plan);
        let (mut once, mut twice) = (request(), request());
        authorise(&authenticator, &mut once);
        authorise(&authenticator, &mut twice);
        authorise(&authenticator, &mut twice);
        assert_eq!(once.headers(), twice.headers(), "{name}");
        assert_eq!(once.url(), twice.url(), "{name}");
    }
}

#[test]
fn every_kind_refuses_a_credential_without_value_and_names_its_place() {
    let kinds = [
        ("auth.bearer", AuthPlan::Bearer(template("{{ unset }}"))),
        ("auth.basic.username", AuthPlan::Basic { username: template("{{ unset }}"), password: template("x") }),
        ("auth.basic.password", AuthPlan::Basic { username: template("x"), password: template("{{ unset }}") }),
        ("auth.api_key.value", api_key(KeyPlace::Header, "X-Key", "{{ unset }}")),
        ("auth.api_key.value", api_key(KeyPlace::Query, "key", "{{ unset }}")),
        ("auth.api_key.value", api_key(KeyPlace::Cookie, "key", "{{ unset }}")),
    ];
    for (place, plan) in kinds {
        let failure = try_prepare(&plan).err().unwrap();
        assert_eq!(failure.kind, FailureKind::Configuration);
        assert!(failure.message.contains(place), "{failure}");
    }
}

#[test]
fn what_cannot_be_sent_is_refused_without_quoting_it() {
    let plans = [
        AuthPlan::Bearer(template("{{ broken }}")),
        api_key(KeyPlace::Header, "X-Key", "{{ broken }}"),
        api_key(KeyPlace::Header, "no header", "{{ bare }}"),
        api_key(KeyPlace::Cookie, "session", "{{ token }}"),
        api_key(KeyPlace::Cookie, "a=b", "{{ bare }}"),
        AuthPlan::Basic { username: template("a:b"), password: template("{{ bare }}") },
    ];
    for plan in plans {
        let failure = try_prepare(&plan).err().unwrap();
        assert_eq!(failure.kind, FailureKind::Configuration, "{plan:?}");
        assert!(!failure.message.contains("s3cret") && !failure.message.contains("a\nb"), "{failure}");
    }
}

#[test]
fn credentials_stand_where_their_rfc_or_the_api_wants_them() {
    let sent = |plan: &AuthPlan| {
        let mut request = request();
        authorise(&prepare(plan), &mut request);
        request
    };
    let header = |request: &reqwest::Request, name: &str| request.headers()[name].to_str().unwrap().to_owned();
    let [bearer, basic, in_header, in_query, in_cookie] =
        kinds().try_into().map(|kinds: [_; 5]| kinds.map(|(_, plan)| plan)).unwrap();
    assert_eq!(header(&sent(&bearer), "authorization"), format!("Bearer {KEY}"));
    assert_eq!(header(&sent(&basic), "authorization"), "Basic bWU6czNjcmV0Lys9IGtleQ==");
    assert_eq!(header(&sent(&in_header), "x-key"), KEY);
    assert_eq!(sent(&in_query).url().query(), Some("page=1&key=s3cret%2F%2B%3D+key"));
    assert_eq!(header(&sent(&in_cookie), "cookie"), "lang=en; session=s3cret");
    let keyed = AuthPlan::Basic { username: template("{{ bare }}"), password: template("") };
    assert_eq!(header(&sent(&keyed), "authorization"), "Basic czNjcmV0Og==", "a key as username needs no password");
}

/// A P-256 key that was made for this test.
const EC_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgb9gZkk/3JEV7zH/8\n4k0h6PpfEmF1LLjELAtPTJNWsaqhRANCAATIeRUUUkavYJVrVYA1sYlxo/WVl9cP\nMb9g88+IsJnSsTtJWX3RZ2+bd2V85Ynx5hF5Y0I5O6BoWRUHQwRR4S3j\n-----END PRIVATE KEY-----";

fn signed(algorithm: JwtAlgorithm, key: &str) -> Result<Authenticator, Failure> {
    try_prepare(&AuthPlan::from(OAuth2Plan {
        token_url: "https://auth.test/token".to_owned(),
        grant: GrantPlan::JwtBearer(JwtPlan {
            key: template(key),
            algorithm,
            key_id: None,
            claims: JsonTemplate::Object(Vec::new()),
            lifetime: std::time::Duration::from_secs(60),
        }),
        scopes: Vec::new(),
        parameters: Vec::new(),
        lifetime: None,
    }))
}

#[test]
fn a_key_that_does_not_fit_its_algorithm_is_refused_without_quoting_it() {
    assert!(signed(JwtAlgorithm::Es256, EC_KEY).is_ok());
    for (algorithm, key, complaint) in [
        (JwtAlgorithm::Rs256, "s3cret", "not a private key in PEM"),
        (JwtAlgorithm::Rs256, EC_KEY, "is not a key for RS256"),
        (JwtAlgorithm::EdDsa, EC_KEY, "is not a key for EdDSA"),
        (JwtAlgorithm::Es384, EC_KEY, "is not a key for ES384"),
        (JwtAlgorithm::Es256, "-----BEGIN EC PRIVATE KEY-----\nczNjcmV0\n-----END EC PRIVATE KEY-----", "old form"),
        (JwtAlgorithm::Es256, "-----BEGIN PUBLIC KEY-----\nczNjcmV0\n-----END PUBLIC KEY-----", "not a private key"),
    ] {
        let failure = signed(algorithm, key).err().unwrap();
        assert_eq!(failure.kind, FailureKind::Configuration);
        assert!(failure.message.contains("`auth.jwt_bearer.assertion.key`"), "{failure}");
        assert!(failure.message.contains(complaint), "{failure}");
        assert!(!failure.message.contains("czNj") && !failure.message.contains("s3cret"), "{failure}");
    }
}

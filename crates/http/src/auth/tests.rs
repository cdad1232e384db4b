use super::*;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use reqwest::{Method, Url};
use spile_plan::KeyPlace;
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

fn prepare(plan: &AuthPlan) -> Authenticator {
    Authenticator::prepare(plan, &scope()).unwrap()
}

#[test]
fn every_kind_marks_what_it_sends_as_sensitive_and_knows_its_secrets() {
    for (name, plan) in kinds() {
        let authenticator = prepare(&plan);
        let before = request();
        let mut after = request();
        authenticator.authorise(&mut after);
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
        authenticator.authorise(&mut once);
        authenticator.authorise(&mut twice);
        authenticator.authorise(&mut twice);
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
        let failure = Authenticator::prepare(&plan, &scope()).err().unwrap();
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
        let failure = Authenticator::prepare(&plan, &scope()).err().unwrap();
        assert_eq!(failure.kind, FailureKind::Configuration, "{plan:?}");
        assert!(!failure.message.contains("s3cret") && !failure.message.contains("a\nb"), "{failure}");
    }
}

#[test]
fn credentials_stand_where_their_rfc_or_the_api_wants_them() {
    let sent = |plan: &AuthPlan| {
        let mut request = request();
        prepare(plan).authorise(&mut request);
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

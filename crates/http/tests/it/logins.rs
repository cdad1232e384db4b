//! Logins at an authorization server that people run: a person agrees in a browser or by a code, and what comes of it
//! serves run after run, with refresh tokens that serve once.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::{Value, json};
use spile_http::{Asked, Login, Surroundings, Url};
use spile_model::clock::SystemClock;
use spile_model::{Events, Failure, FailureKind, Secret};
use spile_plan::{
    AuthPlan, AuthorizationPlan, ClientPlan, ClientProof, ConsentPlan, GrantPlan, OAuth2Plan, PipelinePlan, Variable,
};
use spile_testkit::fake_api::{FakeApi, Response, get, post};
use spile_testkit::memory_secrets::MemorySecrets;
use spile_testkit::oidc_provider::OidcProvider;
use spile_testkit::plan::{named, template};

use crate::support::{Rig, plan};

const SECRET: &str = "cl1ent/s3cret";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn provider(lifetime: u64) -> OidcProvider {
    let client = |id: &str, how: &str| {
        json!({
            "client_id": id, "client_secret": SECRET, "token_endpoint_auth_method": how, "application_type": "native",
            "grant_types": ["authorization_code", "refresh_token", DEVICE], "response_types": ["code"],
            "redirect_uris": ["http://127.0.0.1/callback"],
        })
    };
    let mut public = client("public", "none");
    public.as_object_mut().unwrap().remove("client_secret");
    OidcProvider::start(&json!([client("confidential", "client_secret_basic"), public]), lifetime)
}

/// A pipeline whose login is at `issuer` and whose API is at `api`.
fn with_login(issuer: &str, api: &str, client: &str) -> PipelinePlan {
    let proof = match client {
        "public" => ClientProof::None,
        _ => ClientProof::Basic(template("{{ client_secret }}")),
    };
    let mut plan = plan(api);
    plan.variables.0.insert("client_secret".to_owned(), Variable::Secret(Secret::new(SECRET)));
    plan.source.auth = AuthPlan::from(OAuth2Plan {
        token_url: format!("{issuer}/token"),
        grant: GrantPlan::Consent(Box::new(ConsentPlan {
            client: ClientPlan { id: template(client), proof },
            refresh_token: None,
            login: Some(AuthorizationPlan {
                url: Some(format!("{issuer}/auth")),
                device_url: Some(format!("{issuer}/device/auth")),
                redirect_uri: "http://127.0.0.1/callback".to_owned(),
                issuer: None,
                parameters: vec![named("prompt", "consent")],
            }),
        })),
        scopes: vec![template("read"), template("write")],
        parameters: Vec::new(),
        lifetime: None,
    });
    plan
}

fn surroundings(store: &MemorySecrets) -> impl FnOnce(Events) -> Surroundings {
    let secrets = Arc::new(store.clone());
    move |events| Surroundings::new(Arc::new(SystemClock), events, 7).with_secrets(secrets)
}

fn login(plan: &PipelinePlan, store: &MemorySecrets) -> Login {
    Login::new(plan, surroundings(store)(Events::nowhere())).unwrap().unwrap()
}

fn rig(plan: &PipelinePlan, store: &MemorySecrets) -> Rig {
    Rig::surrounded(plan, surroundings(store))
}

async fn get_json(rig: &Rig, url: &str) -> Value {
    serde_json::from_slice(&rig.get(url).await.unwrap().body).unwrap()
}

/// What the provider tells a person, who needs no credential.
async fn person(provider: &OidcProvider, url: &str, wishes: &[(&str, &str)]) -> String {
    let open = Rig::new(&plan(&provider.api));
    get_json(&open, &provider.person(url, wishes)).await["ended"].as_str().unwrap().to_owned()
}

async fn counts(provider: &OidcProvider) -> Value {
    get_json(&Rig::new(&plan(&provider.api)), &format!("{}/counts", provider.api)).await
}

fn parameters(url: &str) -> Vec<(String, String)> {
    Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

fn parameter(url: &str, name: &str) -> String {
    parameters(url).into_iter().find(|(known, _)| known == name).unwrap().1
}

/// A port at which nobody has to listen: the person tells where the browser was sent.
fn ask(login: &Login) -> Asked {
    login.ask("http://127.0.0.1:43210/callback".to_owned()).unwrap()
}

#[tokio::test]
async fn what_a_person_allows_in_a_browser_serves_every_run_and_each_refresh_token_once() {
    let provider = provider(600);
    for client in ["confidential", "public"] {
        let (plan, store) = (with_login(&provider.issuer, &provider.api, client), MemorySecrets::new());
        let login = login(&plan, &store);
        let asked = ask(&login);
        let shown = asked.url().as_str();
        assert_eq!(parameter(shown, "code_challenge_method"), "S256");
        assert_eq!(
            (parameter(shown, "scope").as_str(), parameter(shown, "prompt").as_str()),
            ("read write", "consent")
        );
        assert!(!shown.contains(SECRET));
        let ended = person(&provider, shown, &[]).await;
        assert!(ended.starts_with("http://127.0.0.1:43210/callback?"), "{ended}");
        assert_eq!(parameter(&ended, "iss"), provider.issuer);
        let answer = parameters(&ended);
        assert!(asked.is_answered_by(&answer) && !ask(&login).is_answered_by(&answer), "an answer to this alone");
        login.answered(&asked, &answer).await.unwrap();

        let before = counts(&provider).await;
        for run in 1..=4 {
            let rig = rig(&plan, &store);
            let url = format!("{}/items", provider.api);
            let got = join_all((0..20).map(|_| get_json(&rig, &url))).await;
            assert_eq!(got[19], json!({"client": client, "scope": "read write"}), "run {run}");
            // The next run finds a token that the API takes no more.
            get_json(&rig, &format!("{}/revoke", provider.api)).await;
        }
        let after = counts(&provider).await;
        assert_eq!(
            after["issued"].as_u64().unwrap() - before["issued"].as_u64().unwrap(),
            3,
            "one for each lost token"
        );
        assert_eq!(after["revoked"], 0, "no refresh token came twice");
    }
}

#[tokio::test]
async fn clients_that_meet_use_no_refresh_token_twice_and_one_that_does_ends_the_consent() {
    let provider = provider(2);
    let (plan, store) = (with_login(&provider.issuer, &provider.api, "public"), MemorySecrets::new());
    let login = login(&plan, &store);
    let asked = ask(&login);
    let ended = person(&provider, asked.url().as_str(), &[]).await;
    login.answered(&asked, &parameters(&ended)).await.unwrap();
    let url = format!("{}/items", provider.api);
    // Tokens that live so shortly are never begun with: each of these exchanges.
    let rigs: Vec<Rig> = (0..6).map(|_| rig(&plan, &store)).collect();
    join_all(rigs.iter().map(|rig| get_json(rig, &url))).await;
    assert_eq!(counts(&provider).await["revoked"], 0);

    let name = store.written().last().unwrap().0.clone();
    let stolen = MemorySecrets::new().with(&name, &store.value(&name).unwrap());
    get_json(&rig(&plan, &store), &url).await;
    let failure = rig(&plan, &stolen).get(&url).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::LoginNeeded, "{failure}");
    assert!(failure.message.contains("invalid_grant") && failure.message.contains("used already"), "{failure}");
    assert!(failure.kind.remedy().contains("run `spile login`"));
    let failure = rig(&plan, &store).get(&url).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::LoginNeeded, "the server has ended all of it: {failure}");
}

#[tokio::test]
async fn a_person_who_refuses_is_told_so_and_what_was_kept_stays() {
    let provider = provider(600);
    let store = MemorySecrets::new();
    let login = login(&with_login(&provider.issuer, &provider.api, "public"), &store);
    let asked = ask(&login);
    let ended = person(&provider, asked.url().as_str(), &[("refuses", "")]).await;
    let failure = login.answered(&asked, &parameters(&ended)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::LoginNeeded);
    assert!(failure.message.starts_with("the login was refused: access_denied"), "{failure}");
    assert!(store.written().is_empty());
}

#[tokio::test]
async fn a_code_without_its_proof_is_worth_nothing() {
    let provider = provider(600);
    let store = MemorySecrets::new();
    let login = login(&with_login(&provider.issuer, &provider.api, "public"), &store);
    let ended = person(&provider, ask(&login).url().as_str(), &[]).await;
    // Somebody slips the code of another login into this one, state and all.
    let failure = login.answered(&ask(&login), &parameters(&ended)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::TokenRefused);
    assert!(failure.message.contains("invalid_grant"), "{failure}");
    assert!(!failure.to_string().contains(&parameter(&ended, "code")), "{failure}");
    assert!(store.written().is_empty());
}

#[tokio::test]
async fn a_code_that_is_entered_elsewhere_logs_in_too() {
    let provider = provider(600);
    for (client, wishes) in [("confidential", &[][..]), ("public", &[("refuses", "")])] {
        let (plan, store) = (with_login(&provider.issuer, &provider.api, client), MemorySecrets::new());
        let login = login(&plan, &store);
        let code = login.device_code().await.unwrap();
        let wishes = [&[("user_code", code.user_code.as_str())], wishes].concat();
        let entering = async {
            // After the first question at the latest, which comes too early.
            person(&provider, code.page.as_str(), &wishes).await
        };
        let (entered, page) = tokio::join!(login.entered(&code), entering);
        if client == "public" {
            assert_eq!(entered.unwrap_err().kind, FailureKind::LoginNeeded, "{page}");
            assert!(store.written().is_empty());
            continue;
        }
        entered.unwrap_or_else(|failure| panic!("{failure}: {page}"));
        let got = get_json(&rig(&plan, &store), &format!("{}/items", provider.api)).await;
        assert_eq!(got, json!({"client": client, "scope": "read write"}));
    }
}

fn error(code: &str) -> Response {
    Response::json(json!({"error": code})).with_status(400)
}

/// A server that gives a code and then these answers, and a pipeline whose login is there.
async fn device_server(answers: Vec<Response>) -> (FakeApi, PipelinePlan) {
    let server = FakeApi::start().await;
    server.expect(post("/device/auth")).respond(Response::json(json!({
        "device_code": "d3vice", "user_code": "AB-CD", "verification_uri": "https://auth.test/device",
        "expires_in": 60, "interval": 5,
    })));
    server.expect(post("/token")).times(answers.len()).respond_each(answers);
    let plan = with_login(&server.url(), "http://127.0.0.1:9", "public");
    (server, plan)
}

#[tokio::test(start_paused = true)]
async fn a_server_is_asked_as_often_as_it_wants_and_no_longer_than_its_code_lives() {
    let granted = Response::json(json!({"access_token": "tok3n", "refresh_token": "r3fresh"}));
    let (server, plan) = device_server(vec![
        error("authorization_pending"),
        error("slow_down"),
        error("authorization_pending"),
        // GitHub says it with a status of success.
        error("authorization_pending").with_status(200),
        granted,
    ])
    .await;
    let store = MemorySecrets::new();
    let login = login(&plan, &store);
    login.entered(&login.device_code().await.unwrap()).await.unwrap();
    let asked: Vec<_> = server.requests().iter().map(|request| request.at).collect();
    let waits: Vec<u64> = asked.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    assert_eq!(waits, [5, 5, 10, 10, 10]);
    assert_eq!(store.written().len(), 1);

    let (server, plan) = device_server(vec![error("authorization_pending"); 12]).await;
    let login = self::login(&plan, &store);
    let code = login.device_code().await.unwrap();
    let failure = login.entered(&code).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::LoginNeeded);
    assert_eq!(failure.message, "the code was not entered in time: the code has expired");
    assert_eq!(server.request_count(), 13);
    for (code, kind) in [
        ("expired_token", FailureKind::LoginNeeded),
        ("access_denied", FailureKind::LoginNeeded),
        ("invalid_client", FailureKind::TokenRefused),
    ] {
        let (_server, plan) = device_server(vec![error(code)]).await;
        let login = self::login(&plan, &store);
        let failure = login.entered(&login.device_code().await.unwrap()).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(!failure.message.contains("d3vice"), "{failure}");
    }
}

/// A server that gives this answer for a code, an API that takes `tok3n-1`, and a login that has been answered.
async fn logged_in(answer: Value) -> (FakeApi, FakeApi, PipelinePlan, MemorySecrets) {
    let (server, api, store) = (FakeApi::start().await, FakeApi::start().await, MemorySecrets::new());
    server.expect(post("/token")).respond(Response::json(answer));
    let plan = with_login(&server.url(), &api.url(), "public");
    let login = login(&plan, &store);
    let asked = ask(&login);
    let state = parameter(asked.url().as_str(), "state");
    let answer = [("code", "c0de"), ("state", &state)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    login.answered(&asked, &answer).await.unwrap();
    (server, api, plan, store)
}

#[tokio::test]
async fn a_server_that_gives_no_refresh_token_gives_one_that_lasts_until_it_is_refused() {
    let (server, api, plan, store) = logged_in(json!({"access_token": "tok3n-1"})).await;
    api.expect(get("/items").header("Authorization", "Bearer tok3n-1")).times(3).respond_each([
        Response::json([1]),
        Response::json([1]),
        Response::status(401),
    ]);
    for _ in 0..2 {
        rig(&plan, &store).get(&api.url_of("/items")).await.unwrap();
    }
    let failure = rig(&plan, &store).get(&api.url_of("/items")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::LoginNeeded, "{failure}");
    assert!(failure.message.contains("the token of the last login has expired or is taken no more"), "{failure}");
    assert_eq!(server.request_count(), 1);
}

#[tokio::test]
async fn the_later_of_a_login_and_a_token_of_the_file_holds() {
    let (server, api, plan, store) = logged_in(json!({"access_token": "x", "refresh_token": "of-the-login"})).await;
    api.route(get("/items"), |_| Response::json([1]));
    let given = |token: &str| {
        post("/token").form(&[("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "public")])
    };
    let answer = Response::json(json!({"access_token": "tok3n-1"}));
    server.expect(given("of-the-login")).respond(answer.clone());
    rig(&plan, &store).get(&api.url_of("/items")).await.unwrap();
    let mut seeded = plan.clone();
    let AuthPlan::OAuth2(oauth2) = &mut seeded.source.auth else { panic!("it is") };
    let GrantPlan::Consent(consent) = &mut oauth2.grant else { panic!("it is") };
    consent.refresh_token = Some(template("of-the-file"));
    server.expect(given("of-the-file")).times(2).respond(answer);
    for _ in 0..2 {
        rig(&seeded, &store).get(&api.url_of("/items")).await.unwrap();
    }
}

#[tokio::test]
async fn a_run_before_any_login_says_what_to_do_and_asks_nobody() {
    let (server, api) = (FakeApi::start().await, FakeApi::start().await);
    let failure = rig(&with_login(&server.url(), &api.url(), "public"), &MemorySecrets::new())
        .get(&api.url_of("/items"))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::LoginNeeded);
    assert!(failure.message.contains("nobody has logged in for this pipeline: the test's memory has no token of it"));
    assert_eq!((server.request_count(), api.request_count()), (0, 0));
    let none: Result<Option<Login>, Failure> =
        Login::new(&plan(&api.url()), surroundings(&MemorySecrets::new())(Events::nowhere()));
    assert!(none.unwrap().is_none(), "a pipeline without a login has none");
}

//! Refresh tokens that rotate: one exchange for all, and the successor is kept before anything that came with it is used.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use spile_http::Surroundings;
use spile_model::{FailureKind, Secret};
use spile_plan::{AuthPlan, ClientPlan, ClientProof, ConsentPlan, GrantPlan, OAuth2Plan, PipelinePlan, Variable};
use spile_testkit::fake_api::{FakeApi, Request, Response, get, post};
use spile_testkit::memory_secrets::MemorySecrets;
use spile_testkit::plan::template;
use tokio::time::Instant;

use crate::support::{Rig, everything_said, plan};

const SECRET: &str = "cl1ent/s3cret:ü";

/// A server that takes each refresh token once, and an API that takes its newest access token alone. `seed` is the
/// number 0; each exchange of `r3fresh-N` gives `tok3n-N+1` and `r3fresh-N+1`.
struct Rotation {
    server: FakeApi,
    api: FakeApi,
    given: Arc<AtomicU64>,
    reused: Arc<AtomicBool>,
    /// How many seconds it says that access tokens live; 0 where it does not say.
    lifetime: Arc<AtomicU64>,
    store: MemorySecrets,
}

fn number(text: &str) -> u64 {
    text.rsplit('-').next().unwrap().parse().unwrap()
}

/// The refresh token that the store holds.
fn kept(store: &MemorySecrets) -> Option<String> {
    let name = store.written().last()?.0.clone();
    let entry: serde_json::Value = serde_json::from_str(&store.value(&name)?).unwrap();
    Some(entry["refresh_token"].as_str().unwrap().to_owned())
}

fn form(request: &Request, name: &str) -> Option<String> {
    request.form().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

impl Rotation {
    async fn start() -> Self {
        let (server, api) = (FakeApi::start().await, FakeApi::start().await);
        let (given, reused, store) =
            (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)), MemorySecrets::new());
        let lifetime = Arc::new(AtomicU64::new(0));
        let (count, again, lives) = (Arc::clone(&given), Arc::clone(&reused), Arc::clone(&lifetime));
        server.route(post("/token"), move |request| {
            let presented = number(&form(request, "refresh_token").unwrap());
            if presented != count.load(Ordering::SeqCst) || again.load(Ordering::SeqCst) {
                again.store(true, Ordering::SeqCst);
                let error = json!({"error": "invalid_grant", "error_description": "used before"});
                return Response::json(error).with_status(400);
            }
            let next = count.fetch_add(1, Ordering::SeqCst) + 1;
            let lifetime = lives.load(Ordering::SeqCst);
            Response::json(json!({
                "access_token": format!("tok3n-{next}"), "refresh_token": format!("r3fresh-{next}"),
                "expires_in": (lifetime > 0).then_some(lifetime),
            }))
            .delay(Duration::from_millis(50))
        });
        let (count, keeps) = (Arc::clone(&given), store.clone());
        api.route(get("/items"), move |request| {
            let presented = number(request.header("authorization").unwrap());
            // Whatever is used was durable before: not only what the server gave, but what the store holds by now.
            assert!(number(&kept(&keeps).unwrap()) >= presented, "tok3n-{presented} was used before it was kept");
            match presented == count.load(Ordering::SeqCst) {
                true => Response::json([1]),
                false => Response::json(json!({"message": "expired"})).with_status(401).delay(Duration::from_millis(5)),
            }
        });
        Self { server, api, given, reused, lifetime, store }
    }

    fn plan(&self, seed: &str) -> PipelinePlan {
        with_refresh_token(&self.api.url(), &self.server.url(), seed)
    }

    fn rig(&self, seed: &str) -> Rig {
        Rig::keeping(&self.plan(seed), &self.store)
    }

    async fn all_succeed(&self, rig: &Rig, count: usize) {
        let url = self.api.url_of("/items");
        for answer in join_all((0..count).map(|_| rig.get(&url))).await {
            answer.unwrap();
        }
    }

    /// Makes every access token that was given so far one that has expired.
    async fn expire(&self) {
        // As if another holder had exchanged the token, but with the successor in our store.
        let next = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        let written = self.store.written();
        let name = spile_model::SecretName::new(&written.last().unwrap().0).unwrap();
        let mut entry: serde_json::Value = serde_json::from_str(&written.last().unwrap().1).unwrap();
        entry["refresh_token"] = json!(format!("r3fresh-{next}"));
        spile_model::SecretStore::write(&self.store, &name, &Secret::new(entry.to_string())).unwrap();
    }

    fn given(&self) -> u64 {
        self.given.load(Ordering::SeqCst)
    }
}

fn oauth2(server: &str, proof: ClientProof) -> OAuth2Plan {
    OAuth2Plan {
        token_url: format!("{server}/token"),
        grant: GrantPlan::Consent(Box::new(ConsentPlan {
            client: ClientPlan { id: template("me"), proof },
            refresh_token: Some(template("{{ refresh_token }}")),
            login: None,
        })),
        scopes: vec![template("read")],
        parameters: Vec::new(),
        lifetime: None,
    }
}

fn with_refresh_token(api: &str, server: &str, seed: &str) -> PipelinePlan {
    let mut plan = plan(api);
    plan.variables.0.insert("client_secret".to_owned(), Variable::Secret(Secret::new(SECRET)));
    plan.variables.0.insert("refresh_token".to_owned(), Variable::Secret(Secret::new(seed)));
    plan.source.auth = AuthPlan::from(oauth2(server, ClientProof::Basic(template("{{ client_secret }}"))));
    plan.source.concurrency = std::num::NonZeroU32::new(50).unwrap();
    plan
}

#[tokio::test]
async fn fifty_requests_that_meet_an_expired_token_exchange_once_and_use_nothing_before_it_is_kept() {
    let rotation = Rotation::start().await;
    let rig = rotation.rig("r3fresh-0");
    rotation.all_succeed(&rig, 50).await;
    assert_eq!((rotation.given(), rotation.server.request_count()), (1, 1), "one for all who begin");
    rotation.expire().await;
    rotation.all_succeed(&rig, 50).await;
    assert_eq!(rotation.server.request_count(), 2, "one for all who were refused");
    assert_eq!(rotation.api.request_count(), 150, "each was refused once and sent once more");
    assert_eq!(kept(&rotation.store).as_deref(), Some("r3fresh-3"));
    assert!(!rotation.reused.load(Ordering::SeqCst));
}

#[tokio::test]
async fn the_next_run_goes_on_with_the_kept_token_and_a_new_seed_takes_its_place() {
    let rotation = Rotation::start().await;
    for run in 1..=3 {
        rotation.all_succeed(&rotation.rig("r3fresh-0"), 2).await;
        assert_eq!(rotation.given(), run, "the seed is used by the first run alone");
    }
    // Somebody got another token and set the variable to it: it holds, though the store has one.
    rotation.given.store(70, Ordering::SeqCst);
    rotation.all_succeed(&rotation.rig("r3fresh-70"), 2).await;
    rotation.all_succeed(&rotation.rig("r3fresh-70"), 2).await;
    assert_eq!((rotation.given(), kept(&rotation.store).as_deref()), (72, Some("r3fresh-72")));
    assert!(!rotation.reused.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_token_that_still_lives_serves_the_next_run_until_it_is_refused() {
    let rotation = Rotation::start().await;
    rotation.lifetime.store(3600, Ordering::SeqCst);
    for _ in 0..3 {
        rotation.all_succeed(&rotation.rig("r3fresh-0"), 10).await;
    }
    assert_eq!(rotation.given(), 1, "no exchange but the first");
    rotation.expire().await;
    let rig = rotation.rig("r3fresh-0");
    rotation.all_succeed(&rig, 10).await;
    assert_eq!((rotation.given(), rotation.server.request_count()), (3, 2), "the kept one was tried, and refused");
    rotation.lifetime.store(59, Ordering::SeqCst);
    rotation.expire().await;
    rotation.all_succeed(&rig, 1).await;
    rotation.all_succeed(&rotation.rig("r3fresh-0"), 1).await;
    assert_eq!(rotation.server.request_count(), 4, "one that is about to end is not begun with");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_still_lives_needs_neither_the_lock_nor_a_store_that_can_be_written() {
    let rotation = Rotation::start().await;
    rotation.lifetime.store(3600, Ordering::SeqCst);
    rotation.all_succeed(&rotation.rig("r3fresh-0"), 1).await;
    let name = spile_model::SecretName::new(&rotation.store.written()[0].0).unwrap();
    let _other = spile_model::SecretStore::hold(&rotation.store, &name).unwrap().unwrap();
    rotation.store.refuse_writing(true);
    let rig = rotation.rig("r3fresh-0");
    rotation.all_succeed(&rig, 3).await;
    assert_eq!((rotation.given(), rig.waits()), (1, Vec::new()));
}

#[tokio::test]
async fn runs_that_meet_never_exchange_the_same_token() {
    let rotation = Rotation::start().await;
    let rigs: Vec<Rig> = (0..5).map(|_| rotation.rig("r3fresh-0")).collect();
    // Each learns that the others have exchanged by a 401, if it came late, and then has one more try.
    let url = rotation.api.url_of("/items");
    join_all(rigs.iter().map(|rig| rig.get(&url))).await;
    assert!(!rotation.reused.load(Ordering::SeqCst), "a token was used twice");
    assert!(rotation.given() >= 5);
    assert_eq!(kept(&rotation.store), Some(format!("r3fresh-{}", rotation.given())));
}

#[tokio::test]
async fn a_request_that_is_given_up_loses_no_token() {
    let rotation = Rotation::start().await;
    let rig = rotation.rig("r3fresh-0");
    given_up(rig.get(&rotation.api.url_of("/items")), || rotation.server.request_count() == 1).await;
    rig.client.settled().await;
    assert_eq!(kept(&rotation.store).as_deref(), Some("r3fresh-1"));
    rotation.all_succeed(&rig, 1).await;
    assert_eq!(rotation.given(), 1);
}

/// Lets `request` begin, and gives it up as soon as `until` holds.
async fn given_up<T>(request: impl Future<Output = T>, until: impl Fn() -> bool) {
    let reached = async {
        while !until() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        _ = request => panic!("it had no time to be answered"),
        () = reached => {}
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_run_waits_for_a_server_that_was_asked_and_says_so() {
    let (api, server, store) = (FakeApi::start().await, FakeApi::start().await, MemorySecrets::new());
    server.route(post("/token"), |_| {
        let granted = json!({"access_token": "tok3n-1", "refresh_token": "r3fresh-1"});
        Response::json(granted).delay(Duration::from_secs(20))
    });
    let rig = Rig::keeping(&with_refresh_token(&api.url(), &server.url(), "r3fresh-0"), &store);
    given_up(rig.get(&api.url_of("/items")), || server.request_count() == 1).await;
    rig.client.settled().await;
    assert_eq!(kept(&store).as_deref(), Some("r3fresh-1"));
    let said = format!("{:?}", rig.events.lock().unwrap());
    assert!(said.contains("Warning") && said.contains("waiting for the new token to be kept"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_run_waits_neither_between_two_tries_nor_for_another_process() {
    let (api, server, store) = (FakeApi::start().await, FakeApi::start().await, MemorySecrets::new());
    server.route(post("/token"), |_| Response::status(503).header("Retry-After", 120));
    let plan = with_refresh_token(&api.url(), &server.url(), "r3fresh-0");
    let rig = Rig::keeping(&plan, &store);
    given_up(rig.get(&api.url_of("/items")), || !rig.waits().is_empty()).await;
    let began = Instant::now();
    rig.client.settled().await;
    assert_eq!((began.elapsed(), server.request_count()), (Duration::ZERO, 1));

    let name = spile_model::SecretName::new(&store.written()[0].0).unwrap();
    let _other = spile_model::SecretStore::hold(&store, &name).unwrap().unwrap();
    let rig = Rig::keeping(&plan, &store);
    given_up(rig.get(&api.url_of("/items")), || !rig.waits().is_empty()).await;
    let began = Instant::now();
    rig.client.settled().await;
    assert_eq!((began.elapsed(), server.request_count()), (Duration::ZERO, 1));
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_another_process_is_told_once_it_lasts_and_counted_as_long_as_it_was() {
    let rotation = Rotation::start().await;
    rotation.all_succeed(&rotation.rig("r3fresh-0"), 1).await;
    let name = spile_model::SecretName::new(&rotation.store.written()[0].0).unwrap();
    for (lasts, told) in [(Duration::from_millis(900), 0), (Duration::from_secs(5), 1)] {
        let other = spile_model::SecretStore::hold(&rotation.store, &name).unwrap().unwrap();
        let rig = rotation.rig("r3fresh-0");
        let let_go = async {
            tokio::time::sleep(lasts).await;
            drop(other);
        };
        tokio::join!(rotation.all_succeed(&rig, 1), let_go);
        let waits = rig.waits();
        assert_eq!(waits.len(), told, "{waits:?}");
        for (reason, wait) in waits {
            assert_eq!(reason, "another process renews the token");
            assert!(wait > Duration::from_secs(290), "as long as it may still last: {wait:?}");
        }
        let counted = rig.client.usage(&crate::support::stream()).backoff;
        assert!(counted >= lasts && counted < lasts + Duration::from_secs(1), "{counted:?}");
    }
}

#[tokio::test]
async fn where_the_successor_could_not_be_kept_nothing_is_asked_for() {
    let rotation = Rotation::start().await;
    rotation.store.refuse_writing(true);
    let failure = rotation.rig("r3fresh-0").get(&rotation.api.url_of("/items")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::SecretStore);
    assert!(
        failure.message.contains("no token is asked for, because a new refresh token could not be kept"),
        "{failure}"
    );
    assert_eq!((rotation.server.request_count(), rotation.api.request_count()), (0, 0));
    let plan = rotation.plan("r3fresh-0");
    let failure = Rig::new(&plan).get(&rotation.api.url_of("/items")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NoSecretStore);
    assert_eq!(rotation.server.request_count(), 0);
}

#[tokio::test]
async fn a_successor_that_cannot_be_kept_is_told_as_lost_and_what_came_with_it_is_not_used() {
    let (api, server, store) = (FakeApi::start().await, FakeApi::start().await, MemorySecrets::new());
    let failing = store.clone();
    server.route(post("/token"), move |_| {
        failing.refuse_writing(true);
        Response::json(json!({"access_token": "tok3n-1", "refresh_token": "r3fresh-1"}))
    });
    let rig = Rig::keeping(&with_refresh_token(&api.url(), &server.url(), "r3fresh-0"), &store);
    let failure = rig.get(&api.url_of("/items")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::SecretStore);
    assert!(failure.message.contains("cannot be kept and is lost; the old one may no longer work"), "{failure}");
    assert_eq!(api.request_count(), 0);
}

#[tokio::test]
async fn a_token_that_is_taken_no_more_is_tried_once_and_told_with_its_remedy() {
    for answer in [
        Response::json(json!({"error": "invalid_grant", "error_description": "r3fresh-0 is revoked"})).with_status(400),
        // GitHub refuses with a status of success and a word of its own.
        Response::json(json!({"error": "bad_refresh_token", "error_description": "r3fresh-0 is revoked"})),
    ] {
        let (api, server, store) = (FakeApi::start().await, FakeApi::start().await, MemorySecrets::new());
        server.expect(post("/token")).respond(answer);
        let rig = Rig::keeping(&with_refresh_token(&api.url(), &server.url(), "r3fresh-0"), &store);
        for _ in 0..3 {
            let failure = rig.get(&api.url_of("/items")).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::RefreshTokenRefused);
            assert!(failure.message.contains(": [redacted] is revoked; the refresh token has expired"), "{failure}");
            assert!(failure.kind.remedy().contains("put it into its variable"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_is_asked_again_with_the_same_token_and_one_that_does_not_rotate_is_fine() {
    let (api, server, store) = (FakeApi::start().await, FakeApi::start().await, MemorySecrets::new());
    api.route(get("/items"), |_| Response::json([1]));
    let expected =
        [("grant_type", "refresh_token"), ("scope", "read"), ("refresh_token", "r3fresh-0"), ("client_id", "me")];
    let granted = Response::json(json!({"access_token": "tok3n-1", "refresh_token": "r3fresh-0", "expires_in": 3600}));
    server.expect(post("/token").form(&expected).without_header("Authorization")).respond_each([
        Response::status(500),
        Response::hang_up(),
        granted,
    ]);
    let mut plan = with_refresh_token(&api.url(), &server.url(), "r3fresh-0");
    plan.source.auth = AuthPlan::from(oauth2(&server.url(), ClientProof::None));
    Rig::keeping(&plan, &store).get(&api.url_of("/items")).await.unwrap();
    assert_eq!(kept(&store).as_deref(), Some("r3fresh-0"));
}

#[tokio::test]
async fn a_kept_token_goes_to_no_other_server_and_to_no_other_client() {
    let rotation = Rotation::start().await;
    rotation.all_succeed(&rotation.rig("r3fresh-0"), 1).await;
    let anywhere = FakeApi::start().await;
    anywhere.route(get("/items"), |_| Response::json([1]));
    let (elsewhere, mut names) = (FakeApi::start().await, std::collections::BTreeSet::new());
    elsewhere.route(post("/token"), |_| Response::json(json!({"access_token": "tok3n-9"})));
    for (client, server) in [("me", elsewhere.url()), ("other", rotation.server.url())] {
        let mut plan = rotation.plan("r3fresh-0");
        let mut changed = oauth2(&server, ClientProof::None);
        let GrantPlan::Consent(consent) = &mut changed.grant else { panic!("it is one") };
        consent.client.id = template(client);
        plan.source.auth = AuthPlan::from(changed);
        plan.source.base_url = anywhere.url();
        let _ = Rig::keeping(&plan, &rotation.store).get(&anywhere.url_of("/items")).await;
        names.insert(rotation.store.written().last().unwrap().0.clone());
    }
    names.insert(rotation.store.written()[0].0.clone());
    assert_eq!(names.len(), 3, "each has its own: {names:?}");
    let sent: Vec<_> = elsewhere.requests().iter().map(|request| form(request, "refresh_token").unwrap()).collect();
    assert_eq!(sent[0], "r3fresh-0", "what the file says is sent where the file says, and not what was kept");
}

#[tokio::test]
async fn a_token_that_only_the_store_knows_is_shown_nowhere() {
    let rotation = Rotation::start().await;
    rotation.all_succeed(&rotation.rig("r3fresh-0"), 1).await;
    let echo = FakeApi::start().await;
    echo.route(get("/items"), |_| {
        Response::json(json!({"message": "r3fresh-1 and r3fresh-2 and tok3n-2"})).with_status(404)
    });
    let mut plan = with_refresh_token(&echo.url(), &rotation.server.url(), "r3fresh-0");
    plan.name = "test".to_owned();
    let clock = Arc::new(spile_model::clock::SystemClock);
    let secrets = Arc::new(rotation.store.clone());
    let rig = Rig::surrounded(&plan, |events| Surroundings::new(clock, events, 7).with_secrets(secrets));
    let failure = rig.get(&echo.url_of("/items")).await.unwrap_err();
    assert!(failure.message.contains("[redacted] and [redacted] and [redacted]"), "{failure}");
    let said = format!("{}{:?}", everything_said(&failure), rig.events.lock().unwrap());
    assert!(!said.contains("r3fresh") && !said.contains("tok3n"), "{said}");
}

/// Two clients of one store are two processes; the lock between them is let go whatever happens.
#[tokio::test]
async fn a_failed_exchange_lets_others_go_on() {
    let (api, server, store) = (FakeApi::start().await, FakeApi::start().await, MemorySecrets::new());
    let refusals = Mutex::new(1);
    server.route(post("/token"), move |_| {
        let mut left = refusals.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return Response::status(403);
        }
        Response::json(json!({"access_token": "tok3n-1"}))
    });
    api.route(get("/items"), |_| Response::json([1]));
    let plan = with_refresh_token(&api.url(), &server.url(), "r3fresh-0");
    let failure = Rig::keeping(&plan, &store).get(&api.url_of("/items")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::TokenRefused);
    Rig::keeping(&plan, &store).get(&api.url_of("/items")).await.unwrap();
}

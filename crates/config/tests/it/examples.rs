//! The examples in files of their own, around which the reference is made: each is a pipeline that can run, and they have
//! every way in which requests can prove who sends them.

use std::collections::BTreeSet;

use spile_config::load;
use spile_plan::{AuthPlan, ClientProof, ConsentPlan, GrantPlan, KeyPlace, PipelinePlan, SourcePlan};

use crate::given;
use crate::manual::{files_below, path};

/// The ways of [`way`], of each of which there is an example.
const WAYS: [&str; 17] = [
    "a client that signs",
    "a client with a secret",
    "a key in a cookie",
    "a key in a header",
    "a key in the query",
    "a login by a code",
    "a login in a browser",
    "a refresh token",
    "a service account of Google",
    "a session",
    "a signed assertion",
    "a token",
    "a user name and a password",
    "a user name and a password that is not sent",
    "nothing",
    "signed as AWS wants it",
    "signed with a shared secret",
];

/// How a pipeline's requests prove who sends them. A way that is added to the plan is added here, and to [`WAYS`].
fn way(source: &SourcePlan) -> &'static str {
    match &source.auth {
        AuthPlan::None => "nothing",
        AuthPlan::Bearer(_) => "a token",
        AuthPlan::Basic { .. } => "a user name and a password",
        AuthPlan::Digest { .. } => "a user name and a password that is not sent",
        AuthPlan::ApiKey { place: KeyPlace::Header, .. } => "a key in a header",
        AuthPlan::ApiKey { place: KeyPlace::Query, .. } => "a key in the query",
        AuthPlan::ApiKey { place: KeyPlace::Cookie, .. } => "a key in a cookie",
        AuthPlan::OAuth2(plan) => way_to_a_token(&plan.grant),
        AuthPlan::Session(_) => "a session",
        AuthPlan::Aws(_) => "signed as AWS wants it",
        AuthPlan::Hmac(_) => "signed with a shared secret",
    }
}

fn way_to_a_token(grant: &GrantPlan) -> &'static str {
    match grant {
        GrantPlan::ClientCredentials(client) => match client.proof {
            ClientProof::None | ClientProof::Basic(_) | ClientProof::Body(_) => "a client with a secret",
            ClientProof::PrivateKey(_) => "a client that signs",
        },
        GrantPlan::JwtBearer(_) => "a signed assertion",
        GrantPlan::GoogleServiceAccount { .. } => "a service account of Google",
        GrantPlan::Consent(consent) => way_to_a_consent(consent),
    }
}

fn way_to_a_consent(consent: &ConsentPlan) -> &'static str {
    match &consent.login {
        None => "a refresh token",
        Some(login) if login.url.is_some() => "a login in a browser",
        Some(_) => "a login by a code",
    }
}

/// The plan of an example; it must be one that can run, and that nothing is to be said against.
fn planned(file: &str) -> PipelinePlan {
    let loaded = load(&path(file), &given()).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    loaded.plan
}

#[test]
fn every_example_in_a_file_is_a_pipeline_that_can_run() {
    let files = files_below("docs/examples");
    assert!(files.len() >= 30, "only these examples were found: {files:?}");
    for file in files {
        assert!(!planned(&file).streams.is_empty(), "{file}");
    }
}

#[test]
fn there_is_an_example_of_every_way_to_prove_who_sends() {
    let plans: Vec<PipelinePlan> = files_below("docs/examples/auth").iter().map(|file| planned(file)).collect();
    let shown: BTreeSet<&str> = plans.iter().map(|plan| way(&plan.source)).collect();
    assert_eq!(shown, BTreeSet::from(WAYS));
    assert!(plans.iter().any(|plan| plan.source.tls.identity.is_some()), "none shows a client certificate");
}

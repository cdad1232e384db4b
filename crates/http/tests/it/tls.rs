//! TLS against nginx: whom the client trusts, what it shows, and what it says where that does not fit.

use futures::future::join_all;
use serde_json::Value;
use spile_model::{Failure, FailureKind, RunEvent, Secret};
use spile_plan::{IdentityPlan, PemPlan, PipelinePlan, TlsVersion};
use spile_testkit::authority::{Authority, Issued, self_signed};

use crate::apache::Apache;
use crate::nginx::Nginx;
use crate::support::{Rig, plan};

const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

fn pem(text: &str) -> PemPlan {
    PemPlan::Text(Secret::new(text))
}

/// A plan that trusts that authority.
fn trusting(base: &str, authority: &Authority) -> PipelinePlan {
    let mut plan = plan(base);
    plan.source.tls.authorities = Some(pem(&authority.certificate()));
    plan
}

fn showing(mut plan: PipelinePlan, client: &Issued) -> PipelinePlan {
    plan.source.tls.identity = Some(IdentityPlan { certificate: pem(&client.certificate), key: pem(&client.key) });
    plan
}

/// What the server saw of a request.
async fn seen(rig: &Rig, base: &str) -> Value {
    let response = rig.get(&format!("{base}/items")).await.unwrap_or_else(|failure| {
        panic!("{failure}: {:?}", failure.causes());
    });
    serde_json::from_slice(&response.body).unwrap()
}

/// The failure of a request, which must not have been tried again.
async fn refusal(plan: &PipelinePlan) -> Failure {
    let rig = Rig::new(plan);
    let failure = rig.get(&format!("{}/items", plan.source.base_url)).await.unwrap_err();
    let again = rig.events.lock().unwrap().iter().any(|event| matches!(event, RunEvent::Retrying { .. }));
    assert!(!again, "no second try makes a certificate another: {failure}");
    failure
}

#[tokio::test]
async fn a_server_of_a_named_authority_is_trusted_and_spoken_to_in_http_2() {
    let authority = Authority::new("a company");
    let nginx = Nginx::start(&authority.server(&NAMES), "ssl_protocols TLSv1.2 TLSv1.3;", &[]);
    for trusts_system in [true, false] {
        let mut plan = trusting(&nginx.url(), &authority);
        plan.source.tls.trusts_system = trusts_system;
        let seen = seen(&Rig::new(&plan), &nginx.url()).await;
        assert_eq!((&seen["protocol"], &seen["tls"]), (&"HTTP/2.0".into(), &"TLSv1.3".into()));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_servers_certificate_is_told_apart_and_never_tried_again() {
    let (authority, other) = (Authority::new("a company"), Authority::new("another"));
    let unknown = "its certificate is from an authority that this machine does not trust";
    for (identity, told) in [
        (authority.expired_server(&NAMES), "its certificate has expired"),
        (authority.server(&["elsewhere.test"]), "its certificate is for another name"),
        (self_signed(&NAMES), unknown),
        (other.server(&NAMES), unknown),
    ] {
        let nginx = Nginx::start(&identity, "", &[]);
        let failure = refusal(&trusting(&nginx.url(), &authority)).await;
        assert_eq!(failure.kind, FailureKind::Tls);
        assert_eq!(failure.message.split("localhost: ").nth(1), Some(told), "{failure}");
        assert!(failure.kind.remedy().contains("source.tls.ca"));
    }
}

#[tokio::test]
async fn a_version_of_tls_that_is_too_old_is_refused_in_words() {
    let authority = Authority::new("a company");
    let identity = authority.server(&NAMES);
    let ancient = "ssl_protocols TLSv1 TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;";
    let old = "ssl_protocols TLSv1.2;";
    for (lines, oldest, works) in [
        (ancient, TlsVersion::V1_2, false),
        (old, TlsVersion::V1_2, true),
        (old, TlsVersion::V1_3, false),
        ("ssl_protocols TLSv1.3;", TlsVersion::V1_3, true),
    ] {
        let nginx = Nginx::start(&identity, lines, &[]);
        let mut plan = trusting(&nginx.url(), &authority);
        plan.source.tls.oldest = oldest;
        if works {
            seen(&Rig::new(&plan), &nginx.url()).await;
            continue;
        }
        let failure = refusal(&plan).await;
        assert_eq!(failure.kind, FailureKind::Tls, "{lines}: {failure} {:?}", failure.causes());
        assert!(failure.message.contains("speaks no version of TLS that is safe"), "{lines}: {failure}");
    }
}

/// nginx takes every client into the connection, and refuses what is wrong by the status 400.
#[tokio::test]
async fn a_client_certificate_is_shown_and_what_is_wrong_with_it_is_told() {
    let (authority, other) = (Authority::new("a company"), Authority::new("another"));
    let lines = "ssl_verify_client on; ssl_client_certificate FOLDER/clients.pem;";
    let nginx = Nginx::start(&authority.server(&NAMES), lines, &[("clients.pem", &authority.certificate())]);
    let plan = trusting(&nginx.url(), &authority);

    let seen = seen(&Rig::new(&showing(plan.clone(), &authority.client("spile"))), &nginx.url()).await;
    assert_eq!((&seen["client"], &seen["verified"]), (&"CN=spile".into(), &"SUCCESS".into()));

    let failure = refusal(&plan).await;
    assert!(failure.message.contains("No required SSL certificate was sent"), "{failure}");
    for wrong in [other.client("spile"), authority.expired_client("spile")] {
        let failure = refusal(&showing(plan.clone(), &wrong)).await;
        assert!(failure.message.contains("The SSL certificate error"), "{failure}");
    }
}

/// Apache refuses within TLS, by an alert.
#[tokio::test]
async fn what_a_server_says_of_the_client_certificate_in_an_alert_is_told_in_words() {
    let (authority, other) = (Authority::new("a company"), Authority::new("another"));
    let server = authority.server(&NAMES);
    let files =
        [("clients.pem", authority.certificate()), ("server.pem", server.certificate), ("server.key", server.key)];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    for version in ["TLSv1.2", "TLSv1.3"] {
        let lines = format!(
            "SSLEngine on\nSSLProtocol {version}\nSSLCertificateFile FOLDER/server.pem\n\
             SSLCertificateKeyFile FOLDER/server.key\nSSLCACertificateFile FOLDER/clients.pem\n\
             SSLVerifyClient require\n<Location />\nRequire all granted\n</Location>"
        );
        let apache = Apache::start(&lines, &files);
        let base = format!("https://localhost:{}", apache.port());
        let plan = trusting(&base, &authority);
        let rig = Rig::new(&showing(plan.clone(), &authority.client("spile")));
        assert_eq!(rig.get(&format!("{base}/items")).await.unwrap().body, "[1]");
        for (plan, told) in [
            (showing(plan.clone(), &other.client("spile")), "does not know the authority of the client certificate"),
            (showing(plan.clone(), &authority.expired_client("spile")), "the client certificate has expired"),
        ] {
            let failure = refusal(&plan).await;
            assert_eq!(failure.kind, FailureKind::ClientCertificate, "{version}: {failure} {:?}", failure.causes());
            assert!(failure.message.contains(told), "{version}: {failure}");
            assert!(failure.kind.remedy().contains("source.tls.client_certificate"));
        }
        let failure = refusal(&plan).await;
        let expected = [FailureKind::ClientCertificate, FailureKind::Tls];
        assert!(
            expected.contains(&failure.kind) && failure.message.contains("client certificate"),
            "{version}: {failure}"
        );
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_in_addition_to_other_credentials_and_to_no_allowed_origin() {
    let authority = Authority::new("a company");
    let asking = "ssl_verify_client optional_no_ca; ssl_client_certificate FOLDER/clients.pem;";
    let files = [("clients.pem", authority.certificate())];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let elsewhere = Nginx::start(&authority.server(&NAMES), asking, &files);
    let redirecting = format!(
        "{asking} location = /moved {{ return 302 {}/x; }} \
         location = /who {{ return 200 '{{\"client\":\"$ssl_client_s_dn\",\"authorization\":\"$http_authorization\"}}'; }}",
        elsewhere.url()
    );
    let home = Nginx::start(&authority.server(&NAMES), &redirecting, &files);
    let mut plan = showing(trusting(&home.url(), &authority), &authority.client("spile"));
    plan.source.allowed_origins = vec![elsewhere.url()];
    plan.source.auth = spile_plan::AuthPlan::Bearer(spile_testkit::plan::template("{{ token }}"));
    let rig = Rig::new(&plan);

    let own: Value = serde_json::from_slice(&rig.get(&format!("{}/who", home.url())).await.unwrap().body).unwrap();
    assert_eq!(own["client"], "CN=spile");
    assert!(own["authorization"].as_str().unwrap().starts_with("Bearer "), "{own}");
    let moved: Value = serde_json::from_slice(&rig.get(&format!("{}/moved", home.url())).await.unwrap().body).unwrap();
    assert_eq!((&moved["client"], &moved["verified"]), (&"".into(), &"NONE".into()));
}

#[tokio::test]
async fn many_requests_at_once_share_one_connection_of_http_2_and_outlive_its_end() {
    let authority = Authority::new("a company");
    // nginx says goodbye to a connection after so many requests, in the middle of those that are under way.
    let nginx = Nginx::start(&authority.server(&NAMES), "keepalive_requests 50;", &[]);
    let rig = Rig::new(&trusting(&nginx.url(), &authority));
    let base = nginx.url();
    let all = join_all((0..400).map(|_| seen(&rig, &base))).await;
    assert!(all.iter().all(|seen| seen["protocol"] == "HTTP/2.0"));
    let mut connections: Vec<_> = all.iter().map(|seen| seen["connection"].as_str().unwrap()).collect();
    connections.sort_unstable();
    connections.dedup();
    assert!((8..=40).contains(&connections.len()), "{} connections for 400 requests", connections.len());
}

#[tokio::test]
async fn pem_that_cannot_be_used_is_an_error_of_the_file_that_names_the_key() {
    let authority = Authority::new("a company");
    let (client, other) = (authority.client("spile"), authority.client("other"));
    let folder = spile_testkit::place::temp_dir();
    let both = folder.path().join("both.pem");
    std::fs::write(&both, format!("{}{}", client.key, client.certificate)).unwrap();
    let base = plan("https://localhost:9");
    let identity = |certificate: PemPlan, key: PemPlan| {
        let mut plan = base.clone();
        plan.source.tls.identity = Some(IdentityPlan { certificate, key });
        plan
    };
    let ca = |text: &str| {
        let mut plan = base.clone();
        plan.source.tls.authorities = Some(pem(text));
        plan
    };
    let encrypted = client.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let garbled = client.key.replace('M', "?");
    let missing = PemPlan::File(folder.path().join("none.pem"));
    for (plan, told) in [
        (identity(pem(&client.certificate), pem(&other.key)), "do they belong together?"),
        (identity(pem(&client.certificate), pem(&encrypted)), "`tls.client_key` is protected by a passphrase"),
        (identity(pem(&client.certificate), pem(&garbled)), "`tls.client_key` cannot be read"),
        (identity(pem(&client.certificate), pem(&client.certificate)), "`tls.client_key` holds no private key"),
        (identity(missing, pem(&client.key)), "none.pem cannot be read"),
        (ca("-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----"), "`tls.ca` has a certificate that"),
        (ca(&client.key), "`tls.ca` holds no certificate"),
    ] {
        let failure = Rig::refused(&plan);
        assert_eq!(failure.kind, FailureKind::Configuration, "{failure}");
        assert!(failure.message.contains(told), "{told} in {failure}");
        let key = client.key.lines().nth(1).unwrap();
        assert!(!crate::support::everything_said(&failure).contains(key), "{failure:?}");
    }
    // One file with both, named twice; and a key as an environment variable may hold it.
    Rig::new(&identity(PemPlan::File(both.clone()), PemPlan::File(both)));
    Rig::new(&identity(pem(&client.certificate), pem(&client.key.replace('\n', "\\n"))));
}

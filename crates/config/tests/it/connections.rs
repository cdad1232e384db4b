//! `tls` and `proxy`: what becomes of them, and what is said where they do not fit.

use std::path::{Path, PathBuf};

use spile_config::{Settings, load_str};
use spile_plan::{CredentialSource, Found, PemPlan, PipelinePlan, ProxyPlan, TlsVersion, Warning};

use crate::refusal;

fn pipeline(source: &str) -> String {
    format!(
        "name: demo\nvariables:\n  key: {{ secret: true, default: \"-----BEGIN PRIVATE KEY-----\" }}\n  word: {{ secret: true, default: s3cret }}\n\
         source: {{ base_url: https://api.example.com, {source} }}\n\
         streams: {{ items: {{ path: /items }} }}\ndestination: duckdb:demo.duckdb\n"
    )
}

fn plan(source: &str) -> PipelinePlan {
    let folder = Some(Path::new("/etc/pipes"));
    load_str("pipeline.yaml", &pipeline(source), folder, &Settings::none()).map_err(|d| d.to_string()).unwrap().plan
}

#[test]
fn files_of_tls_begin_at_the_pipelines_folder_and_a_text_in_pem_is_none() {
    let tls = plan(
        "tls: { ca: ca.pem, system_ca: false, client_certificate: /etc/me.pem, client_key: '{{ key }}', min_version: 1.3 }",
    )
    .source
    .tls;
    let file = |pem: Option<PemPlan>| match pem {
        Some(PemPlan::File(file)) => file,
        other => panic!("{other:?}"),
    };
    assert_eq!(file(tls.authorities), PathBuf::from("/etc/pipes/ca.pem"));
    assert_eq!((tls.trusts_system, tls.oldest), (false, TlsVersion::V1_3));
    let identity = tls.identity.unwrap();
    assert_eq!(file(Some(identity.certificate)), PathBuf::from("/etc/me.pem"));
    assert!(matches!(identity.key, PemPlan::Text(key) if key.expose() == "-----BEGIN PRIVATE KEY-----"));
    let default = plan("concurrency: 1").source.tls;
    assert!(default.identity.is_none() && default.trusts_system && default.oldest == TlsVersion::V1_2);
}

#[test]
fn a_key_that_others_can_read_is_warned_of() {
    let credentials = |source: &CredentialSource| {
        assert_eq!(*source, CredentialSource::File(PathBuf::from("/etc/pipes/me.key")));
        let warning = Warning { message: "others can read it".to_owned(), remedy: "chmod 600 me.key".to_owned() };
        Ok(Found { secret: None, warning: Some(warning) })
    };
    let settings = Settings { credentials: Box::new(credentials), ..Settings::none() };
    let text = pipeline("tls: { client_certificate: me.pem, client_key: me.key }");
    let loaded = load_str("pipeline.yaml", &text, Some(Path::new("/etc/pipes")), &settings).unwrap();
    let said = loaded.warnings.to_string();
    assert!(said.contains("others can read it") && said.contains("chmod 600 me.key"), "{said}");
}

#[test]
fn a_proxy_is_an_address_or_a_map_or_none_or_what_the_environment_says() {
    assert!(matches!(plan("concurrency: 1").source.proxy, ProxyPlan::System));
    assert!(matches!(plan("proxy: none").source.proxy, ProxyPlan::None));
    let ProxyPlan::Through(server) = plan("proxy: 'http://proxy.test:3128'").source.proxy else { panic!() };
    assert_eq!((server.url.as_str(), server.user.is_none()), ("http://proxy.test:3128", true));
    let long = "proxy: { url: 'socks5h://proxy.test', username: me, password: '{{ word }}x', no_proxy: [a.test, .b] }";
    let ProxyPlan::Through(server) = plan(long).source.proxy else { panic!() };
    let user = server.user.unwrap();
    assert_eq!((user.username.expose(), user.password.expose()), ("me", "s3cretx"));
    assert_eq!(server.except, ["a.test", ".b"]);
}

#[test]
fn what_does_not_fit_is_said_with_what_to_do() {
    for (source, told) in [
        ("tls: { client_certificate: a.pem }", "`client_certificate` is of no use without `client_key`"),
        ("tls: { client_key: a.pem }", "`client_key` is of no use without `client_certificate`"),
        ("tls: { system_ca: false }", "without `ca` and without the authorities of this machine"),
        ("tls: { min_version: '1.1' }", "`1.2`"),
        ("tls: { certificate: a.pem }", "client_certificate"),
        ("proxy: proxy.test", "the address of the proxy is not a whole address"),
        ("proxy: 'proxy.test:3128'", "the address of the proxy is of a kind that is not spoken"),
        ("proxy: 'ftp://proxy.test'", "the address of the proxy is of a kind that is not spoken"),
        ("proxy: 'http://me:word@proxy.test'", "put them below keys of their own"),
        ("proxy: { url: 'http://proxy.test', password: x }", "`password` is of no use without `username`"),
    ] {
        let said = refusal(&pipeline(source));
        assert!(said.contains(told), "{source}: {said}");
    }
    let open = pipeline("tls: { client_certificate: a.pem, client_key: b.pem }").replace("https://api", "http://api");
    assert!(refusal(&open).contains("the client certificate would never be shown"));
}

#[test]
fn no_message_shows_a_key_or_password_that_stands_in_the_file() {
    let key = "client_key: \"-----BEGIN PRIVATE KEY-----\\nMIIsecret\\n-----END PRIVATE KEY-----\"";
    let said = refusal(&pipeline(&format!("tls: {{ {key}, clientcert: x }}")));
    assert!(!said.contains("MIIsecret"), "{said}");
    let said = refusal(&pipeline("proxy: { url: 'http://me:hunter2@proxy.test', password: hunter2 }"));
    assert!(!said.contains("hunter2"), "{said}");
}

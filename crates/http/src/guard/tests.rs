use super::*;

fn guard(base: &str, allowed: &[&str], private: &[&str]) -> Guard {
    let mut source = spile_testkit::plan::pipeline(base, Vec::new()).source;
    source.allowed_origins = allowed.iter().map(ToString::to_string).collect();
    source.private_hosts = private.iter().map(ToString::to_string).collect();
    Guard::new(&source).unwrap()
}

fn refusal(base: &str, allowed: &[&str], url: &str) -> Option<String> {
    guard(base, allowed, &[]).refusal(&Url::parse(url).unwrap())
}

#[test]
fn only_scheme_host_and_port_together_are_the_same_origin() {
    assert_eq!(refusal("https://api.test/v1", &[], "https://api.test:443/other?x=1"), None);
    assert_eq!(refusal("https://api.test", &[], "https://API.test/"), None);
    for allowed in [&[][..], &["https://files.test:8443"]] {
        for other in [
            "http://api.test/",
            "https://api.test:444/",
            "https://api.test.evil.test/",
            "https://evil.test/api.test",
            "https://api.test@evil.test/",
            "https://xapi.test/",
            "https://api.test./",
            "https://files.test/",
            "http://files.test:8443/",
            "ftp://api.test/",
            "file:///etc/passwd",
        ] {
            assert!(refusal("https://api.test", allowed, other).is_some(), "{other}");
        }
    }
}

#[test]
fn an_allowed_origin_may_be_asked_and_is_not_home() {
    let guard = guard("https://api.test", &["https://files.test:8443", "http://plain.test/"], &[]);
    for url in ["https://files.test:8443/a?b", "http://plain.test:80/"] {
        let url = Url::parse(url).unwrap();
        assert_eq!(guard.refusal(&url), None, "{url}");
        assert!(!guard.is_home(&url));
    }
    assert!(guard.is_home(&Url::parse("https://api.test/x").unwrap()));
}

#[test]
fn a_user_in_the_url_is_refused_at_every_origin() {
    for url in ["https://u:p@api.test/", "https://u@files.test/", "https://:p@files.test/"] {
        let reason = refusal("https://api.test", &["https://files.test"], url).unwrap();
        assert!(reason.contains("user or password"), "{reason}");
    }
}

#[test]
fn each_refusal_says_what_to_do() {
    for (base, url, hint) in [
        ("http://api.test", "https://api.test/", "write `base_url` with https"),
        ("https://api.test", "http://api.test/", "without TLS everybody on the way"),
        ("https://api.test", "https://other.test/", "not among its `allowed_origins`"),
        ("https://api.test", "ftp://api.test/", "only http and https are ever asked, not `ftp:`"),
    ] {
        let reason = refusal(base, &[], url).unwrap();
        assert!(reason.contains(hint), "{url}: {reason}");
    }
    assert!(
        refusal("https://api.test", &["https://files.test"], "http://files.test/").unwrap().contains("without TLS")
    );
    assert_eq!(refusal("https://api.test", &["http://api.test"], "http://api.test/"), None);
}

#[test]
fn a_public_name_leads_to_public_addresses_only() {
    let guard = guard("https://api.example", &["https://files.example", "https://db.example"], &["db.example"]);
    let admitted = |host: &str, addresses: &[&str]| {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        guard.admitted(host, addresses).map(|admitted| admitted.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(admitted("api.example", &["93.184.216.34", "2606:4700::1"]).unwrap().len(), 2);
    for host in ["api.example", "files.example"] {
        let refused = admitted(host, &["10.1.2.3", "127.0.0.1"]).unwrap_err().to_string();
        assert!(refused.contains(&format!("{host} leads to 10.1.2.3, a private address")), "{refused}");
        assert!(refused.contains("`private_hosts`"), "{refused}");
    }
    assert_eq!(admitted("api.example", &["10.1.2.3", "1.1.1.1"]).unwrap(), ["1.1.1.1"], "what may be asked is left");
    assert_eq!(admitted("db.example", &["10.1.2.3", "fd12::1", "127.0.0.1", "1.1.1.1"]).unwrap().len(), 4);
    for closed in ["169.254.169.254", "fe80::1", "fd00:ec2::254", "0.0.0.0", "::ffff:169.254.1.1"] {
        let refused = admitted("db.example", &[closed]).unwrap_err().to_string();
        assert!(refused.contains("write the address itself"), "{refused}");
    }
}

#[test]
fn names_of_private_networks_lead_to_private_addresses() {
    for host in ["localhost", "x.localhost", "api", "api.corp", "api.internal.", "nas.local", "x.y.home.arpa", "a.test"]
    {
        let guard = guard(&format!("http://{host}:8080"), &[], &[]);
        assert!(guard.admitted(host, vec!["10.0.0.1".parse().unwrap()]).is_ok(), "{host}");
        assert!(guard.admitted(host, vec!["169.254.169.254".parse().unwrap()]).is_err(), "{host}");
    }
    for host in ["localhost.example", "api.corp.example", "notlocal", "arpa.example", "xhome.arpa", "home-arpa.example"]
    {
        let guard = guard(&format!("http://{host}"), &[], &[]);
        let is_single = !host.contains('.');
        assert_eq!(guard.admitted(host, vec!["10.0.0.1".parse().unwrap()]).is_ok(), is_single, "{host}");
    }
}

#[test]
fn a_literal_address_of_the_file_leads_to_itself_whatever_it_is() {
    for (base, same, other) in [
        ("http://127.0.0.1:8080", "127.0.0.1", "127.0.0.2"),
        ("http://169.254.169.254", "::ffff:169.254.169.254", "169.254.169.253"),
        ("http://[fe80::1]", "fe80::1", "fe80::2"),
        ("http://0x7f.1", "127.0.0.1", "1.1.1.1"),
    ] {
        let guard = guard(base, &[], &[]);
        assert_eq!(guard.check_peer(guard.home(), same.parse().unwrap()), Ok(()), "{base}");
        let refused = guard.check_peer(guard.home(), other.parse().unwrap()).unwrap_err().to_string();
        assert!(refused.contains("another address than the one that was asked"), "{refused}");
    }
}

#[test]
fn an_answer_of_no_origin_is_not_believed_and_the_name_of_a_proxy_is_not_judged() {
    let guard = guard("https://api.example", &[], &[]);
    let other = Url::parse("https://other.example").unwrap();
    assert!(guard.check_peer(&other, "1.1.1.1".parse().unwrap()).is_err());
    let proxy = vec!["10.0.0.8".parse().unwrap()];
    assert_eq!(guard.admitted("proxy.corp.example", proxy.clone()), Ok(proxy));
}

#[test]
fn loopback_is_recognised() {
    for base in ["http://localhost:1", "http://127.8.0.1", "http://[::1]:3", "http://x.localhost"] {
        assert!(is_loopback(&Url::parse(base).unwrap()), "{base}");
    }
    assert!(!is_loopback(&Url::parse("http://localhost.test").unwrap()));
}

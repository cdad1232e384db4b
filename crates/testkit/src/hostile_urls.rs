//! URLs that an answer may name in order to be asked for what it should not see: this machine, its networks, a cloud's
//! metadata; in every notation that some parser takes for an address, and in every disguise that looks like home.
//!
//! Addresses and names × notations × disguises, written out by program, so that each combination is there. What is made
//! of them is for the test to say: only that nothing but home is asked.

use std::net::Ipv4Addr;

/// What an answer should not lead to. The first ones are this machine, where a test can listen.
pub const FORBIDDEN: [Ipv4Addr; 20] = [
    Ipv4Addr::new(127, 0, 0, 1),
    Ipv4Addr::new(127, 0, 0, 2),
    Ipv4Addr::new(127, 255, 255, 254),
    Ipv4Addr::new(0, 0, 0, 0),
    Ipv4Addr::new(0, 0, 0, 1),
    Ipv4Addr::new(10, 0, 0, 1),
    Ipv4Addr::new(10, 255, 255, 254),
    Ipv4Addr::new(172, 16, 0, 1),
    Ipv4Addr::new(172, 31, 255, 254),
    Ipv4Addr::new(192, 168, 1, 1),
    Ipv4Addr::new(100, 64, 0, 1),
    Ipv4Addr::new(169, 254, 1, 1),
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(198, 18, 0, 1),
    Ipv4Addr::new(224, 0, 0, 1),
    Ipv4Addr::new(255, 255, 255, 255),
];

/// Names of the same places, and such as may lead anywhere.
const NAMES: [&str; 18] = [
    "localhost",
    "localhost.",
    "LOCALHOST",
    "localhost.localdomain",
    "ip6-localhost",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "loc\u{ad}alhost",
    "%6c%6f%63alhost",
    "x.localhost",
    "metadata",
    "metadata.google.internal",
    "instance-data",
    "host.docker.internal",
    "kubernetes.default.svc",
    "127.0.0.1.nip.example",
    "localtest.example",
    "169.254.169.254.xip.example",
    "evil.example",
];

/// Every hostile URL. `home` (`host:port`) is asked rightly, and so is the host `allowed` over https; at `port` of this
/// machine a test may listen.
pub fn hostile_urls(home: &str, allowed: &str, port: u16) -> Vec<String> {
    let mut urls = Vec::new();
    for address in FORBIDDEN {
        urls.extend(notations(address).iter().map(|host| format!("http://{host}:{port}/latest/meta-data")));
    }
    for name in NAMES {
        urls.extend([format!("http://{name}:{port}/"), format!("https://{name}/"), format!("//{name}:{port}/x")]);
    }
    for host in ["127.0.0.1", "0x7f000001", "[::1]", "[::ffff:7f00:1]", "localhost"] {
        urls.extend(disguises(&format!("{host}:{port}"), home, allowed));
    }
    urls.extend(lookalikes(home, allowed, port));
    urls.sort_unstable();
    urls.dedup();
    urls
}

/// Every way to write an IPv4 address as the host of a URL.
pub fn notations(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let bits = address.to_bits();
    let (high, low) = (bits >> 16, bits & 0xffff);
    let dotted = address.to_string();
    let with_digits = |zero: u32| -> String {
        let digit = |c: char| c.to_digit(10).and_then(|digit| char::from_u32(zero + digit)).unwrap_or(c);
        dotted.chars().map(digit).collect()
    };
    let percent: String = dotted.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let mut hosts = vec![
        bits.to_string(),
        format!("{bits:#x}"),
        format!("0X{bits:X}"),
        format!("0x00000000{bits:08x}"),
        format!("0{bits:o}"),
        format!("{a}.{}", bits & 0x00ff_ffff),
        format!("{a}.{b}.{low}"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("00000{a:o}.{b}.{c}.{d}"),
        format!("{a:#x}.0{b:o}.{low}"),
        format!("{}.{}.{}.{}", u32::from(a) + 256, b, c, d),
        (u64::from(bits) + (1 << 32)).to_string(),
        format!("{dotted}."),
        dotted.replace('.', "。"),
        dotted.replace('.', "．"),
        dotted.replace('.', "｡"),
        dotted.replace('.', "%2e"),
        with_digits(0xff10),
        with_digits(0x1d7d8),
        percent,
        format!("{}\u{ad}{}", &dotted[..1], &dotted[1..]),
        format!("[::ffff:{dotted}]"),
        format!("[::ffff:{high:x}:{low:x}]"),
        format!("[0:0:0:0:0:FFFF:{high:04X}:{low:04X}]"),
        format!("[::{high:x}:{low:x}]"),
        format!("[::ffff:0:{dotted}]"),
        format!("[64:ff9b::{dotted}]"),
        format!("[64:ff9b:1::{high:x}:{low:x}]"),
        format!("[2002:{high:x}:{low:x}::1]"),
        format!("[fe80::{high:x}:{low:x}%25eth0]"),
    ];
    hosts.push(dotted);
    hosts
}

/// One place in every disguise in which a URL can name it.
fn disguises(place: &str, home: &str, allowed: &str) -> Vec<String> {
    let mut urls = vec![
        format!("//{place}/"),
        format!("///{place}/"),
        format!("////{place}/"),
        format!("/\\{place}/"),
        format!("\\\\{place}\\"),
        format!("\\/{place}/"),
        format!("/\t/{place}/"),
        format!("/\n/{place}/"),
        format!("\t//{place}/"),
        format!("\u{b}//{place}/"),
        format!(" //{place}/"),
        format!(".//{place}/"),
        format!("..//{place}/"),
        format!("/..//{place}/"),
        format!("/%2f{place}/"),
        format!("?//{place}/"),
        format!("#//{place}/"),
        format!("http:{place}/"),
        format!("http:/{place}/"),
        format!("http:///{place}/"),
        format!("http:\\\\{place}/"),
        format!("http:/\\{place}/"),
        format!("HTTP://{place}/"),
        format!("hTTps://{place}/"),
        format!("ht\ttp://{place}/"),
        format!("h\nttp:\r//{place}/"),
        format!("\u{1}http://{place}/"),
        format!("http://\t{place}/"),
        format!("http:// {place}/"),
        format!("http://{place}#@{home}/"),
        format!("http://{place}?@{home}/"),
        format!("http://{place}/@{home}/"),
        format!("http://{place}\\@{home}/"),
        format!("http://{place}&@{home}/"),
        format!("http://{place};{home}/"),
        format!("http://{place},{home}/"),
        format!("http://{place}%00{home}/"),
        format!("http://{place}%23@{home}/"),
        format!("http://{place}%2f@{home}/"),
    ];
    for shown in [home, allowed] {
        urls.extend([
            format!("http://{shown}@{place}/"),
            format!("https://{shown}@{place}/"),
            format!("http://{shown}:pass@{place}/"),
            format!("http://{shown}%40{place}/"),
            format!("http://{shown}%2f@{place}/"),
            format!("http://{shown}%23@{place}/"),
            format!("http://{shown}\t@{place}/"),
            format!("http://{shown}\n@{place}/"),
            format!("http://{shown}&@{place}/"),
            format!("http://{shown}@@{place}/"),
            format!("http://a@{shown}@{place}/"),
            format!("http://:@{place}/{shown}"),
            format!("//{shown}@{place}/"),
            format!("\\\\{shown}@{place}/"),
        ]);
    }
    for scheme in ["ftp", "file", "gopher", "dict", "ldap", "ws", "wss", "jar:http", "view-source:http", "blob:http"] {
        urls.push(format!("{scheme}://{place}/"));
    }
    urls
}

/// What looks like home or like the allowed origin, and is another.
fn lookalikes(home: &str, allowed: &str, port: u16) -> Vec<String> {
    let host = home.split(':').next().unwrap_or(home);
    let mut urls = vec![
        "file:///etc/passwd".to_owned(),
        "file:etc/passwd".to_owned(),
        "data:application/json,[1]".to_owned(),
        "javascript:alert(1)".to_owned(),
        "about:blank".to_owned(),
        format!("https://{home}/"),
        format!("http://{host}/"),
        format!("http://{host}:{port}/"),
        format!("http://{home}.evil.example/"),
        format!("http://{home}@evil.example/"),
        format!("http://user:password@{home}/"),
        format!("http://user@{home}/"),
        format!("http://[::ffff:{host}]:{port}/"),
        format!("http://{allowed}/"),
        format!("//{allowed}/"),
    ];
    for prefix in ["https://", "http://", "//"] {
        urls.extend([
            format!("{prefix}{allowed}:444/"),
            format!("{prefix}{allowed}:{port}/"),
            format!("{prefix}{allowed}./"),
            format!("{prefix}{allowed}.evil.example/"),
            format!("{prefix}evil{allowed}/"),
            format!("{prefix}evil-{allowed}/"),
            format!("{prefix}x.{allowed}/"),
            format!("{prefix}{allowed}%2eevil.example/"),
            format!("{prefix}{allowed}%00.evil.example/"),
            format!("{prefix}{allowed}。evil.example/"),
            format!("{prefix}{allowed}\u{2044}evil.example/"),
            format!("{prefix}{allowed}\u{ff0f}evil.example/"),
            format!("{prefix}{allowed}@evil.example/"),
            format!("{prefix}{allowed}:@evil.example/"),
            format!("{prefix}evil.example#{allowed}"),
            format!("{prefix}evil.example?{allowed}"),
            format!("{prefix}evil.example\\@{allowed}/"),
            format!("{prefix}user@{allowed}/"),
        ]);
    }
    urls
}

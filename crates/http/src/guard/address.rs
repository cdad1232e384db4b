//! What kind of address it is: the ranges of the special-purpose registries (RFC 6890 and its successors at IANA), by
//! how much must be said in a pipeline file before they are connected to.
//!
//! An address that carries an IPv4 address in it is of that address's kind: what translates it connects there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How much must be said. In this order: of two that apply, the greater one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Range {
    /// Anybody's, on the internet.
    Public,
    /// Of this machine or its networks, in these words.
    Private(&'static str),
    /// Where no API is looked for by a name.
    Closed(&'static str),
}

use Range::{Closed, Private, Public};

const LOOPBACK: Range = Private("this machine's own address");
const PRIVATE: Range = Private("a private address");
const SHARED: Range = Private("a provider's inner address (RFC 6598)");
const BENCHMARK: Range = Private("an address for benchmarks (RFC 2544)");
const LINK_LOCAL: Range = Closed("a link-local address, where clouds keep their credentials");
const METADATA: Range = Closed("a cloud's metadata service, which hands out credentials");
const UNSPECIFIED: Range = Closed("no address of a host");
const MULTICAST: Range = Closed("a multicast address");
const DOCUMENTATION: Range = Closed("an address for documentation");
const RESERVED: Range = Closed("a reserved address");

/// The kind of `address`.
pub(super) fn range(address: IpAddr) -> Range {
    match address {
        IpAddr::V4(address) => of_v4(address),
        IpAddr::V6(address) => of_v6(address),
    }
}

fn of_v4(address: Ipv4Addr) -> Range {
    match address.octets() {
        // Azure, Alibaba and Oracle have theirs outside of the link-local range.
        [168, 63, 129, 16] | [100, 100, 100, 200] | [192, 0, 0, 192] => METADATA,
        [0, ..] => UNSPECIFIED,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => PRIVATE,
        [127, ..] => LOOPBACK,
        [169, 254, ..] => LINK_LOCAL,
        [100, 64..=127, ..] => SHARED,
        [198, 18 | 19, ..] => BENCHMARK,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => DOCUMENTATION,
        // Protocol assignments, and the relays of 6to4 that are no more (RFC 7526).
        [192, 0, 0, _] | [192, 88, 99, _] => RESERVED,
        [224..=239, ..] => MULTICAST,
        [240..=255, ..] => RESERVED,
        _ => Public,
    }
}

fn of_v6(address: Ipv6Addr) -> Range {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => UNSPECIFIED,
        [0, 0, 0, 0, 0, 0, 0, 1] => LOOPBACK,
        // IPv4-compatible and IPv4-mapped (RFC 4291, 2.5.5), NAT64 (RFC 6052), 6to4 (RFC 3056).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => embedded(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // NAT64 with a prefix that the network chose (RFC 8215).
        [0x64, 0xff9b, 1, _, _, _, high, low] => embedded(high, low).max(PRIVATE),
        // Amazon's and Google's, inside the range of unique local addresses.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, _] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, _] => METADATA,
        // Unique local (RFC 4193), and the site-local ones that they replaced (RFC 3879).
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => PRIVATE,
        [0xfe80..=0xfebf, ..] => LINK_LOCAL,
        [0xff00..=0xffff, ..] => MULTICAST,
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => DOCUMENTATION,
        // Protocol assignments: Teredo, benchmarks, ORCHID (RFC 2928).
        [0x2001, 0..=0x01ff, ..] => RESERVED,
        // Nothing outside of this range is given to hosts on the internet (RFC 4291, 2.4).
        [0x2000..=0x3fff, ..] => Public,
        _ => RESERVED,
    }
}

/// The kind of the IPv4 address that these halves are.
fn embedded(high: u16, low: u16) -> Range {
    let bits = (u32::from(high) << 16) | u32::from(low);
    of_v4(Ipv4Addr::from_bits(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first and the last address of each range, and their neighbours outside.
    #[test]
    fn every_range_begins_and_ends_where_its_registry_says() {
        let cases: [(&str, Range); 74] = [
            ("0.0.0.0", UNSPECIFIED),
            ("0.255.255.255", UNSPECIFIED),
            ("1.0.0.0", Public),
            ("9.255.255.255", Public),
            ("10.0.0.0", PRIVATE),
            ("10.255.255.255", PRIVATE),
            ("11.0.0.0", Public),
            ("100.63.255.255", Public),
            ("100.64.0.0", SHARED),
            ("100.100.100.200", METADATA),
            ("100.127.255.255", SHARED),
            ("100.128.0.0", Public),
            ("126.255.255.255", Public),
            ("127.0.0.0", LOOPBACK),
            ("127.255.255.255", LOOPBACK),
            ("128.0.0.0", Public),
            ("168.63.129.16", METADATA),
            ("168.63.129.17", Public),
            ("169.253.255.255", Public),
            ("169.254.0.0", LINK_LOCAL),
            ("169.254.169.254", LINK_LOCAL),
            ("169.254.255.255", LINK_LOCAL),
            ("169.255.0.0", Public),
            ("172.15.255.255", Public),
            ("172.16.0.0", PRIVATE),
            ("172.31.255.255", PRIVATE),
            ("172.32.0.0", Public),
            ("192.0.0.0", RESERVED),
            ("192.0.0.192", METADATA),
            ("192.0.0.255", RESERVED),
            ("192.0.1.0", Public),
            ("192.0.2.0", DOCUMENTATION),
            ("192.0.3.0", Public),
            ("192.88.99.1", RESERVED),
            ("192.167.255.255", Public),
            ("192.168.0.0", PRIVATE),
            ("192.168.255.255", PRIVATE),
            ("192.169.0.0", Public),
            ("198.17.255.255", Public),
            ("198.18.0.0", BENCHMARK),
            ("198.19.255.255", BENCHMARK),
            ("198.20.0.0", Public),
            ("198.51.100.7", DOCUMENTATION),
            ("203.0.113.255", DOCUMENTATION),
            ("223.255.255.255", Public),
            ("224.0.0.0", MULTICAST),
            ("239.255.255.255", MULTICAST),
            ("240.0.0.0", RESERVED),
            ("255.255.255.255", RESERVED),
            ("::", UNSPECIFIED),
            ("::1", LOOPBACK),
            ("::ffff:0:1.1.1.1", RESERVED),
            ("64:ff9b::1.1.1.1", Public),
            ("64:ff9b::10.1.1.1", PRIVATE),
            ("64:ff9b:1::1.1.1.1", PRIVATE),
            ("64:ff9b:1::169.254.169.254", LINK_LOCAL),
            ("64:ff9b:2::1.1.1.1", RESERVED),
            ("100::1", RESERVED),
            ("1fff::1", RESERVED),
            ("2000::", Public),
            ("2001::1", RESERVED),
            ("2001:1ff:ffff::1", RESERVED),
            ("2001:200::1", Public),
            ("2001:db8::1", DOCUMENTATION),
            ("2002:7f00:1::1", LOOPBACK),
            ("2002:a9fe:a9fe::1", LINK_LOCAL),
            ("2606:4700:4700::1111", Public),
            ("3fff:fff::1", DOCUMENTATION),
            ("3fff:1000::1", Public),
            ("5f00::1", RESERVED),
            ("fc00::1", PRIVATE),
            ("fd00:ec2::254", METADATA),
            ("fe80::1", LINK_LOCAL),
            ("ff02::1", MULTICAST),
        ];
        for (address, expected) in cases {
            assert_eq!(range(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn an_embedded_ipv4_address_is_judged_as_such() {
        for inner in ["8.8.8.8", "10.0.0.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"] {
            let inner: Ipv4Addr = inner.parse().unwrap();
            let [a, b, c, d] = inner.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            for form in [
                format!("::ffff:{inner}"),
                format!("64:ff9b::{inner}"),
                format!("2002:{high:x}:{low:x}::1"),
                format!("::{high:x}:{low:x}"),
            ] {
                assert_eq!(range(form.parse().unwrap()), of_v4(inner), "{form}");
            }
        }
    }
}

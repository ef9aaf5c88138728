//! The client's address behind proxies, from `X-Forwarded-For`.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::HeaderMap;
use ipnet::IpNet;

/// The peer's own address, or what trusted proxies say: the nearest hop that is not one of them. Each
/// hop was written by the one after it, so nothing before the first that is not trusted counts.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let lines: Vec<_> = headers.get_all("x-forwarded-for").collect();
    let lines = lines.iter().rev().map(|line| line.as_bytes());
    let hops = lines.flat_map(|line| line.rsplit(|byte| *byte == b','));
    let mut address = peer.to_canonical();
    for hop in hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()) {
        if !is_trusted(address, trusted) {
            break;
        }
        // What cannot be read was not written by a proxy that knows its client.
        let Some(before) = parse(hop) else {
            break;
        };
        address = before.to_canonical();
    }
    address
}

/// Whether an address is one of these networks'.
pub(crate) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// An address as proxies write them: bare, with a port, or IPv6 in brackets.
fn parse(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>();
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    address.ok().or_else(|| with_port().ok())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

    fn address(peer: &str, lines: &[&[u8]]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().expect("a network"));
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = HeaderValue::from_bytes(line).expect("a value");
            headers.append(FORWARDED, value);
        }
        let peer = peer.parse().expect("an address");
        client_address(peer, &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(address("192.0.2.1", &[]), "192.0.2.1");
        assert_eq!(address("192.0.2.1", &[b"198.51.100.7"]), "192.0.2.1");
        assert_eq!(address("10.0.0.1", &[b"198.51.100.7"]), "198.51.100.7");
        assert_eq!(address("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_nearest_hop_that_is_not_trusted_is_the_client() {
        let long: &[u8] = b"1.1.1.1, 198.51.100.7, 10.0.0.2";
        assert_eq!(address("10.0.0.1", &[long]), "198.51.100.7");
        assert_eq!(address("10.0.0.1", &[b"10.0.0.3,10.0.0.2"]), "10.0.0.3");
        let lines: &[&[u8]] = &[b"1.1.1.1", b"2.2.2.2, 198.51.100.7", b"10.0.0.2"];
        assert_eq!(address("10.0.0.1", lines), "198.51.100.7");
        assert_eq!(address("10.0.0.1", &[b"1.1.1.1,, ,"]), "1.1.1.1");
    }

    #[test]
    fn ports_brackets_and_both_families_are_read() {
        for (hop, read) in [
            (&b"198.51.100.7:4711"[..], "198.51.100.7"),
            (b"2001:db8::7", "2001:db8::7"),
            (b"[2001:db8::7]", "2001:db8::7"),
            (b"[2001:db8::7]:443", "2001:db8::7"),
            (b"::ffff:198.51.100.7", "198.51.100.7"),
        ] {
            assert_eq!(address("10.0.0.1", &[hop]), read);
        }
        assert_eq!(address("fd00::1", &[b"2001:db8::7"]), "2001:db8::7");
        assert_eq!(address("::ffff:10.0.0.1", &[b"1.1.1.1"]), "1.1.1.1");
    }

    #[test]
    fn what_cannot_be_read_ends_the_way_and_hides_nothing_after_it() {
        for garbage in [
            &b"nonsense"[..],
            b"unknown",
            b"_hidden",
            b"\xff\xfe",
            b"1.1.1.1.1",
            b"for=1.1.1.1",
            b"1.1.1.1 2.2.2.2",
            b"1.1.1.1:99999",
        ] {
            assert_eq!(address("10.0.0.1", &[b"1.1.1.1", garbage]), "10.0.0.1");
            let sent_before = [garbage, b", 198.51.100.7"].concat();
            assert_eq!(address("10.0.0.1", &[&sent_before]), "198.51.100.7");
        }
    }
}

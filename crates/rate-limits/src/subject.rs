//! Whom a limit counts for, and where a lock holds.

use std::net::{IpAddr, Ipv6Addr};

/// Whom a limit by address counts for: an IPv4 address, or the /64 of an IPv6 one, for that is what
/// one client has.
pub fn address_subject(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{}/64", first_half(address)),
    }
}

/// The network an unknown device is in: /24, or /64.
pub fn network_origin(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => format!("{}/64", first_half(address)),
    }
}

/// The network that a stranger can have whole: /24, or /48.
pub fn wide_network(address: IpAddr) -> String {
    const FIRST_48: u128 = !(u128::MAX >> 48);
    match address.to_canonical() {
        address @ IpAddr::V4(_) => network_origin(address),
        IpAddr::V6(address) => {
            let network = Ipv6Addr::from_bits(address.to_bits() & FIRST_48);
            format!("{network}/48")
        }
    }
}

fn first_half(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn one_client_is_one_subject_however_it_is_written() {
        let four = ["192.0.2.7", "192.0.2.0/24", "192.0.2.0/24"];
        let six = ["2001:db8:1:2::/64", "2001:db8:1:2::/64", "2001:db8:1::/48"];
        for (text, [subject, origin, wide]) in [
            ("192.0.2.7", four),
            ("::ffff:192.0.2.7", four),
            ("2001:db8:1:2:3:4:5:6", six),
            ("2001:db8:1:2:ffff::1", six),
            ("::1", ["::/64", "::/64", "::/48"]),
        ] {
            assert_eq!(address_subject(address(text)), subject, "{text}");
            assert_eq!(network_origin(address(text)), origin, "{text}");
            assert_eq!(wide_network(address(text)), wide, "{text}");
        }
    }
}

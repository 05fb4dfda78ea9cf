//! IP addresses and CIDR blocks.

use std::net::IpAddr;

/// The addresses that share a prefix. IPv4 within IPv6 (`::ffff:10.0.0.1`) counts as the IPv4 address it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    is_v4: bool,
    bits: u128,
    prefix: u32,
}

impl Network {
    /// Reads `10.0.0.0/8`, `::1`, ...; bits after the prefix are ignored.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
                (address, Some(prefix.parse::<u32>().ok()?))
            }
            Some(_) => return None,
            None => (text, None),
        };
        let sent: IpAddr = address.parse().ok()?;
        let (is_v4, bits) = number(sent);
        // The prefix counts the bits of the address as written.
        let widened = if is_v4 && sent.is_ipv6() { 96 } else { 0 };
        let width = if is_v4 { 32 } else { 128 };
        let prefix = prefix.unwrap_or(width + widened).checked_sub(widened)?;
        (prefix <= width).then_some(Self {
            is_v4,
            bits,
            prefix,
        })
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        let (is_v4, bits) = number(address);
        let after = if is_v4 { 32 } else { 128 } - self.prefix.min(if is_v4 { 32 } else { 128 });
        is_v4 == self.is_v4 && (self.bits ^ bits).checked_shr(after).unwrap_or(0) == 0
    }
}

fn number(address: IpAddr) -> (bool, u128) {
    match address.to_canonical() {
        IpAddr::V4(address) => (true, u128::from(address.to_bits())),
        IpAddr::V6(address) => (false, address.to_bits()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(network: &str, inside: &[&str], outside: &[&str]) {
        let network = Network::parse(network).unwrap();
        let contains = |text: &&&str| network.contains(text.parse().unwrap());
        assert_eq!(
            inside.iter().filter(contains).count(),
            inside.len(),
            "{network:?}"
        );
        assert_eq!(outside.iter().filter(contains).count(), 0, "{network:?}");
    }

    #[test]
    fn tells_what_is_inside() {
        check(
            "10.0.0.0/8",
            &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"],
            &["11.0.0.0", "9.255.255.255", "::a00:1"],
        );
        check("10.1.2.3", &["10.1.2.3"], &["10.1.2.2"]);
        check("10.1.2.3/31", &["10.1.2.2", "10.1.2.3"], &["10.1.2.4"]);
        check(
            "0.0.0.0/0",
            &["0.0.0.0", "255.255.255.255"],
            &["::", "2001:db8::1"],
        );
        check(
            "2001:db8::/32",
            &["2001:db8::1", "2001:db8:ffff::"],
            &["2001:db9::", "32.1.13.184"],
        );
        check("::/0", &["::1", "ffff::"], &["1.2.3.4"]);
        check("::1", &["::1"], &["::2", "0.0.0.1"]);
        check("::ffff:10.0.0.0/104", &["10.1.1.1"], &["11.1.1.1"]);
    }

    #[test]
    fn refuses_what_is_no_network() {
        for text in [
            "",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "::/129",
            "::ffff:1.2.3.4/8",
            "a/8",
            "10.0.0.0/8/8",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}

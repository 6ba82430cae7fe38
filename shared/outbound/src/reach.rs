//! The addresses that a request may go to: none of this machine, its link or its cloud's metadata.
//!
//! A contract's host is fixed text, but the owner of the name decides what it resolves to. Private addresses
//! (10.0.0.0/8 and the like) are allowed, since functions in a VPC have services there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether requests may go to this machine's own addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Requests go to other machines only, as on AWS.
    BeyondThisMachine,
    /// Requests may go to loopback addresses too, as in the local emulation, whose services are on this machine.
    AndLoopback,
}

/// An address that no request may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is an address to which no request may go")]
pub(crate) struct Forbidden(pub(crate) IpAddr);

impl Reach {
    /// The reach of a function whose AWS services are at `endpoint` (`AWS_ENDPOINT_URL`; `None` on AWS). Loopback is
    /// within reach if the endpoint is there. On AWS that cannot happen by accident, since a function with such an
    /// endpoint would not reach its queues.
    #[must_use]
    pub fn beside(endpoint: Option<&str>) -> Self {
        let host = endpoint.and_then(host).unwrap_or_default();
        let address: Option<IpAddr> = host.parse().ok();
        let is_here = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        if is_here { Self::AndLoopback } else { Self::BeyondThisMachine }
    }

    /// # Errors
    /// When no request may go to the address.
    pub(crate) fn check(self, address: IpAddr) -> Result<(), Forbidden> {
        let allows_loopback = self == Self::AndLoopback;
        let is_forbidden = match address.to_canonical() {
            IpAddr::V4(v4) if v4.is_loopback() => !allows_loopback,
            IpAddr::V6(v6) if v6.is_loopback() => !allows_loopback,
            IpAddr::V4(v4) => is_forbidden_v4(v4),
            IpAddr::V6(v6) => is_forbidden_v6(v6),
        };
        if is_forbidden { Err(Forbidden(address)) } else { Ok(()) }
    }
}

/// The host of a URL. An IPv6 address has no brackets.
fn host(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split(['/', '?', '#']).next()?;
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => authority.split(':').next(),
    }
}

/// Whether an address is of "this network", loopback, link-local (with the metadata at 169.254.169.254), multicast or
/// reserved: <https://www.iana.org/assignments/iana-ipv4-special-registry>.
fn is_forbidden_v4(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    first == 0 || address.is_loopback() || address.is_link_local() || first >= 224
}

/// Whether an address is unspecified, loopback, link-local, multicast, of EC2's metadata (fd00:ec2::/32), or stands for
/// an IPv4 address that is forbidden:
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>,
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>.
fn is_forbidden_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let is_metadata = segments[0] == 0xfd00 && segments[1] == 0x0ec2;
    address.is_unspecified()
        || address.is_loopback()
        || address.is_unicast_link_local()
        || address.is_multicast()
        || is_metadata
        || embedded_v4(segments).is_some_and(is_forbidden_v4)
}

/// The IPv4 address that a translator or a tunnel would forward to: of an IPv4-compatible address (`::a.b.c.d`), NAT64
/// (64:ff9b::/96, RFC 6052) or 6to4 (2002::/16, RFC 3056).
fn embedded_v4(segments: [u16; 8]) -> Option<Ipv4Addr> {
    let (high, low) = match segments {
        [0, 0, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => (high, low),
        _ => return None,
    };
    Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(addresses: &[&str], reach: Reach, may_be_asked: bool) {
        for text in addresses {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(reach.check(address).is_ok(), may_be_asked, "{text}");
        }
    }

    /// The spellings that an attacker would use: plain, mapped, compatible, NAT64 and 6to4.
    const LOOPBACK: [&str; 4] = ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"];
    const NEVER: [&str; 20] = [
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "::ffff:0.0.0.0",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "2002:7f00:1::",
        "169.254.169.254",
        "169.254.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "febf::1",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "ff02::1",
    ];
    const ALWAYS: [&str; 11] = [
        "93.184.215.14",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "126.255.255.255",
        "128.0.0.1",
        "169.253.255.255",
        "fd12:3456::1",
        "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
        "64:ff9b::5db8:d70e",
    ];

    #[test]
    fn no_request_goes_to_this_machine_its_link_or_its_metadata() {
        check(&LOOPBACK, Reach::BeyondThisMachine, false);
        check(&NEVER, Reach::BeyondThisMachine, false);
        check(&ALWAYS, Reach::BeyondThisMachine, true);
    }

    #[test]
    fn beside_an_emulation_loopback_may_be_asked_and_nothing_else() {
        check(&LOOPBACK, Reach::AndLoopback, true);
        check(&NEVER, Reach::AndLoopback, false);
        check(&ALWAYS, Reach::AndLoopback, true);
    }

    #[test]
    fn loopback_may_be_asked_only_where_aws_is_there_too() {
        for here in
            ["http://127.0.0.1:4566", "http://127.0.0.1", "http://localhost:1/", "http://[::1]:9"]
        {
            assert_eq!(Reach::beside(Some(here)), Reach::AndLoopback, "{here}");
        }
        for elsewhere in [
            None,
            Some(""),
            Some("127.0.0.1"),
            Some("https://sqs.eu-west-1.amazonaws.com"),
            Some("https://127.0.0.1.example.com"),
            Some("https://localhost.example.com/127.0.0.1"),
            Some("https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com/?a=http://127.0.0.1"),
        ] {
            assert_eq!(Reach::beside(elsewhere), Reach::BeyondThisMachine, "{elsewhere:?}");
        }
    }
}

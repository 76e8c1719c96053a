//! Whose address a request counts under.
//!
//! `X-Forwarded-For` can be written by anybody, so it is believed only as far
//! as trusted proxies wrote it: from the connection's peer backwards, each
//! address that is a trusted proxy vouches for the one before it.

use std::net::IpAddr;

use actix_web::{HttpRequest, http::header::HeaderMap};
use ipnet::IpNet;

const FORWARDED_FOR: &str = "X-Forwarded-For";

/// The networks of the proxies in front.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The client's address, or an empty text where the transport has none.
    pub(crate) fn client_of(&self, request: &HttpRequest) -> String {
        let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
        peer.map_or_else(String::new, |peer| self.client(peer, request.headers()).to_string())
    }

    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let hops: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        let mut client = peer;
        for hop in hops.into_iter().rev() {
            if !self.trusts(client) {
                break;
            }
            match parse_hop(hop) {
                Some(address) => client = address,
                None => break,
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address, with or without a port and brackets.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let address = hop
        .parse()
        .or_else(|_| hop.parse::<std::net::SocketAddr>().map(|socket| socket.ip()))
        .or_else(|_| hop.trim_matches(['[', ']']).parse::<IpAddr>());
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let networks = trusted.iter().map(|network| network.parse().expect("network")).collect();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            let value = HeaderValue::from_str(value).expect("value");
            headers.append(HeaderName::from_static("x-forwarded-for"), value);
        }
        let peer = peer.parse().expect("address");
        TrustedProxies::new(networks).client(peer, &headers).to_string()
    }

    #[test]
    fn strangers_are_not_believed() {
        assert_eq!(client(&[], "192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(client(&["10.0.0.0/8"], "192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
    }

    #[test]
    fn trusted_proxies_vouch_for_the_hop_before() {
        let trusted = &["10.0.0.0/8", "fd00::/8"];
        let cases: &[(&[&str], &str)] = &[
            (&["203.0.113.9"], "203.0.113.9"),
            (&["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
            (&["1.1.1.1, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
            (&["1.1.1.1", "203.0.113.9:4711"], "203.0.113.9"),
            (&["[2001:db8::7]:443"], "2001:db8::7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            (&["2001:db8::1, fd00::5"], "2001:db8::1"),
            (&["203.0.113.9, nonsense"], "10.0.0.1"),
            (&["10.9.9.9"], "10.9.9.9"),
            (&[""], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ];
        for (forwarded, expected) in cases {
            assert_eq!(client(trusted, "10.0.0.1", forwarded), *expected, "{forwarded:?}");
        }
    }
}

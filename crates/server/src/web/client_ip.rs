//! Who is at the other end: the peer's address, or what a listed proxy says about it.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
pub(crate) use countersign_verify::Peer;
use ipnet::IpNet;

/// The client's address. `X-Forwarded-For` counts only from a listed proxy, read from the right,
/// where the proxies wrote; what stands further left can be made up by anyone.
pub(crate) fn find(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_proxy = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let mut address = peer.ip().to_canonical();
    let hops: Vec<_> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .collect();
    for hop in hops.iter().rev() {
        if !is_proxy(address) {
            break;
        }
        let Some(before) = read_hop(hop.trim()) else { break };
        address = before.to_canonical();
    }
    address
}

/// Some proxies write the port as well.
fn read_hop(hop: &str) -> Option<IpAddr> {
    let with_port = || hop.parse().map(|address: SocketAddr| address.ip());
    hop.parse().or_else(|_| with_port()).ok()
}

/// The key that failures of an address are counted under: a whole /64 for IPv6, which is what
/// one household has.
pub(crate) fn throttle_key(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("ip {address}"),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("ip {a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(peer: &str, forwarded: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        find(SocketAddr::new(peer.parse().unwrap(), 1), &headers, &trusted).to_string()
    }

    #[test]
    fn only_listed_proxies_are_believed() {
        assert_eq!(found("192.0.2.1", "198.51.100.7"), "192.0.2.1");
        assert_eq!(found("10.0.0.1", "198.51.100.7"), "198.51.100.7");
        assert_eq!(found("10.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.9"), "198.51.100.7");
        assert_eq!(found("10.0.0.1", "unknown"), "10.0.0.1");
        assert_eq!(found("10.0.0.1", "6.6.6.6, 198.51.100.7:4711"), "198.51.100.7");
        assert_eq!(found("10.0.0.1", "[2001:db8::7]:4711"), "2001:db8::7");
        assert_eq!(found("::ffff:10.0.0.1", "198.51.100.7"), "198.51.100.7");
    }
}

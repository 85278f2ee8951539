//! Who may ask. A page of another site must not reach this server through its visitor's browser: neither by asking it (the Origin header), nor
//! by a name that leads here (the Host header).

use std::net::{IpAddr, Ipv6Addr};

/// What requests may be addressed to.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    /// The address that is listened on.
    host: IpAddr,
    /// Names that were allowed, in small letters.
    names: Vec<String>,
}

impl Guard {
    pub(crate) fn new(host: IpAddr, names: &[String]) -> Self {
        Self { host, names: names.iter().map(|name| name.to_ascii_lowercase()).collect() }
    }

    /// What is wrong with a request of these headers, if something is. `site` is Sec-Fetch-Site, which browsers send.
    pub(crate) fn refusal(
        &self,
        host: Option<&str>,
        origin: Option<&str>,
        site: Option<&str>,
    ) -> Option<String> {
        let Some(host) = host else { return Some("Host: must be sent; it is not".into()) };
        if !self.is_own(host) {
            return Some(format!(
                "Host {host:?}: is not this server's; a further name is allowed by --allow-host"
            ));
        }
        let of_origin = |origin: &str| {
            origin
                .split_once("://")
                .is_some_and(|(scheme, at)| is_web(scheme) && at.eq_ignore_ascii_case(host))
        };
        match (origin, site) {
            (Some(origin), _) if !of_origin(origin) => {
                Some(format!("Origin {origin:?}: only pages of this server may ask it"))
            }
            (None, Some("cross-site")) => {
                Some("only pages of this server may ask it; another site's did".into())
            }
            _ => None,
        }
    }

    /// Whether a Host header names this server. An address can't be made to lead elsewhere, as a name can: where all addresses are listened
    /// on, any will do.
    fn is_own(&self, host: &str) -> bool {
        let Some(name) = without_port(host) else { return false };
        let name = name.to_ascii_lowercase();
        if self.names.contains(&name) || name == "localhost" {
            return true;
        }
        match address(&name) {
            Some(found) => found.is_loopback() || found == self.host || self.host.is_unspecified(),
            None => false,
        }
    }
}

fn is_web(scheme: &str) -> bool {
    ["http", "https"].contains(&scheme)
}

/// The name of `name`, `name:port`, `[::1]` or `[::1]:port`; none of anything else.
fn without_port(host: &str) -> Option<&str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')? + 2;
            (&host[..end], host[end..].strip_prefix(':').map_or(host[end..].is_empty().then_some("0"), Some)?)
        }
        None => host.split_once(':').unwrap_or((host, "0")),
    };
    (!name.is_empty() && port.parse::<u16>().is_ok()).then_some(name)
}

fn address(name: &str) -> Option<IpAddr> {
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        None => name.parse().ok().filter(IpAddr::is_ipv4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> Guard {
        Guard::new("127.0.0.1".parse().unwrap(), &["Lab.example".into()])
    }

    #[test]
    fn only_own_hosts_are_answered() {
        let guard = loopback();
        for host in [
            "127.0.0.1:8080",
            "localhost:9",
            "LOCALHOST",
            "[::1]:80",
            "[::1]",
            "127.0.0.2",
            "lab.EXAMPLE:8080",
        ] {
            assert_eq!(guard.refusal(Some(host), None, None), None, "{host}");
        }
        let foreign = [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.168.1.5",
            "8.8.8.8:80",
            "",
            ":80",
            "localhost:x",
            "localhost:",
            "[::1",
            "[::1]x",
            "::1",
            "[2001:db8::1]",
            "127.0.0.1@evil.example",
            "localhost:80:80",
        ];
        for host in foreign {
            assert!(guard.refusal(Some(host), None, None).is_some(), "{host}");
        }
        assert!(guard.refusal(None, None, None).is_some());
        let open = Guard::new("0.0.0.0".parse().unwrap(), &[]);
        assert_eq!(open.refusal(Some("192.168.1.5:8080"), None, None), None);
        assert!(open.refusal(Some("evil.example"), None, None).is_some());
        let one = Guard::new("192.168.1.5".parse().unwrap(), &[]);
        assert_eq!(one.refusal(Some("192.168.1.5:8080"), None, None), None);
        assert!(one.refusal(Some("192.168.1.6:8080"), None, None).is_some());
    }

    #[test]
    fn only_own_pages_may_ask() {
        let guard = loopback();
        let asked = |origin, site| guard.refusal(Some("localhost:8080"), origin, site);
        assert_eq!(asked(Some("http://localhost:8080"), None), None);
        assert_eq!(asked(Some("https://LOCALHOST:8080"), Some("same-origin")), None);
        for origin in [
            "http://localhost:3000",
            "http://127.0.0.1:8080",
            "null",
            "http://evil.example",
            "file://",
            "ftp://localhost:8080",
            "",
        ] {
            assert!(asked(Some(origin), None).is_some(), "{origin}");
        }
        assert!(asked(None, Some("cross-site")).is_some());
        for site in ["none", "same-origin", "same-site"] {
            assert_eq!(asked(None, Some(site)), None, "{site}");
        }
    }
}

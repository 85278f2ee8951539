//! The proxy that the environment names.

use std::env;
use std::ffi::{OsStr, OsString};

use ureq::http::Uri;
use ureq::{Proxy, ProxyProtocol};

use crate::FetchError;

/// The proxy for an address, as curl takes it: the variable of the address's scheme comes before `all_proxy`, lower case
/// before upper, and the first that is understood counts. Hosts that `no_proxy` covers are asked without it, those of
/// redirections too.
///
/// An error when some of these are set and none is understood: going past a proxy unasked may be forbidden, or simply hang.
pub(crate) fn of_environment(url: &str) -> Result<Option<Proxy>, FetchError> {
    choose(url, |name| env::var_os(name))
}

fn choose(url: &str, variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<Proxy>, FetchError> {
    let of_scheme = match url.starts_with("https:") {
        true => ["https_proxy", "HTTPS_PROXY"],
        false => ["http_proxy", "HTTP_PROXY"],
    };
    let named = |name| Some((name, variable(name).filter(|value| !value.is_empty())?));
    let except = ["no_proxy", "NO_PROXY"].into_iter().find_map(named).unwrap_or_default().1;
    let except = except.to_string_lossy();
    let set: Vec<_> = of_scheme.into_iter().chain(["all_proxy", "ALL_PROXY"]).filter_map(named).collect();
    let proxy = set.iter().find_map(|(_, value)| understood(value, &except));
    match set.first() {
        Some((name, value)) if proxy.is_none() && !covers(&except, url) => Err(refusal(name, value)),
        _ => Ok(proxy),
    }
}

/// The HTTP proxy of this address, for all hosts but `except`.
fn understood(value: &OsStr, except: &str) -> Option<Proxy> {
    let proxy = Proxy::new(value.to_str()?).ok()?;
    if !matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) {
        return None;
    }
    let mut builder = Proxy::builder(proxy.protocol()).host(proxy.host()).port(proxy.port());
    if let Some(name) = proxy.username() {
        builder = builder.username(name);
    }
    if let Some(password) = proxy.password() {
        builder = builder.password(password);
    }
    for host in except.split(',').map(str::trim).filter(|host| !host.is_empty()) {
        builder = builder.no_proxy(host);
    }
    builder.build().ok()
}

/// Whether an address's host is one of `except`, which ureq tells of a proxy only: of any.
fn covers(except: &str, url: &str) -> bool {
    let any = understood(OsStr::new("http://any"), except);
    any.zip(url.parse::<Uri>().ok()).is_some_and(|(any, url)| any.is_no_proxy(&url))
}

fn refusal(name: &str, value: &OsStr) -> FetchError {
    let value = value.to_string_lossy();
    // Without the password that may stand before the host.
    let shown: String = value.rsplit('@').next().unwrap_or_default().escape_debug().take(200).collect();
    let rule = "must be the address of an HTTP proxy, like http://host:3128";
    let found = format!("found \"{shown}\"; change it, or unset it to connect without a proxy");
    FetchError::invalid(format!("environment variable {name}"), rule, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Host and port of the proxy for an address under these variables, or what is said of them.
    fn chosen(url: &str, variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let variable =
            |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into());
        let url: Uri = url.parse().unwrap();
        let proxy = choose(&url.to_string(), variable).map_err(|error| error.to_string())?;
        let asked = proxy.filter(|proxy| !proxy.is_no_proxy(&url));
        Ok(asked.map(|proxy| format!("{}:{}", proxy.host(), proxy.port())))
    }

    #[test]
    fn http_proxies_are_understood() {
        for (value, proxy) in [
            ("", None),
            ("http://host:3128", Some("host:3128")),
            ("https://host", Some("host:443")),
            ("host:3128", Some("host:3128")),
            ("host", Some("host:80")),
            ("http://[::1]:8080", Some("[::1]:8080")),
            ("http://me:secret@host:1/", Some("host:1")),
        ] {
            let found = chosen("http://data/x", &[("http_proxy", value)]).unwrap();
            assert_eq!(found.as_deref(), proxy, "{value}");
        }
        assert_eq!(chosen("http://data/x", &[]), Ok(None));
        let proxy = understood(OsStr::new("http://me:s%40cret@host"), "").unwrap();
        assert_eq!((proxy.username(), proxy.password()), (Some("me"), Some("s@cret")));
    }

    #[test]
    fn others_are_named_in_one_line() {
        for value in ["foo bar", "socks5://host:1080", "socks://host", "ftp://host", "http://", "\n"] {
            let variables = [("HTTP_PROXY", ""), ("http_proxy", value), ("all_proxy", "socks5://host")];
            let message = chosen("http://data/x", &variables).unwrap_err();
            assert!(message.starts_with("environment variable http_proxy: must be "), "{message}");
            assert!(message.contains("unset it") && !message.contains('\n'), "{message}");
        }
        let message = chosen("http://data/x", &[("ALL_PROXY", "socks5://me:secret@host")]).unwrap_err();
        assert!(message.contains("ALL_PROXY") && message.contains("\"host\"") && !message.contains("secret"));
    }

    #[test]
    fn the_scheme_counts_before_all_and_what_is_understood_before_what_is_not() {
        let variables = [
            ("https_proxy", "http://s"),
            ("HTTP_PROXY", "http://h"),
            ("all_proxy", "http://a"),
            ("ALL_PROXY", "socks5://host:1080"),
        ];
        let port_80 = |host: &str| Ok(Some(format!("{host}:80")));
        assert_eq!(chosen("https://data/x", &variables), port_80("s"));
        assert_eq!(chosen("http://data/x", &variables), port_80("h"));
        assert_eq!(chosen("http://data/x", &variables[2..]), port_80("a"));
        // The other scheme's does not count.
        assert_eq!(chosen("http://data/x", &variables[..1]), Ok(None));
        let variables = [("https_proxy", "http://s"), ("all_proxy", "socks5://host:1080")];
        assert_eq!(chosen("https://data/x", &variables), port_80("s"));
        let variables = [("https_proxy", "socks5://host:1080"), ("all_proxy", "http://a")];
        assert_eq!(chosen("https://data/x", &variables), port_80("a"));
    }

    #[test]
    fn a_host_without_proxy_needs_none_that_is_understood() {
        for proxy in ["http://host", "socks5://host:1080"] {
            let variables = [("all_proxy", proxy), ("no_proxy", "localhost, data,.example.org")];
            for url in ["https://data/x", "http://localhost:80/x", "http://www.example.org/x"] {
                assert_eq!(chosen(url, &variables), Ok(None), "{url}");
            }
            assert_ne!(chosen("http://other/x", &variables), Ok(None));
            let variables = [("all_proxy", proxy), ("no_proxy", "*")];
            assert_eq!(chosen("http://other/x", &variables), Ok(None));
        }
    }
}

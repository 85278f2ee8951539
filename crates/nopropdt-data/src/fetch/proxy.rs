//! The proxy that the environment names.

use std::env;
use std::ffi::OsString;

use ureq::{Proxy, ProxyProtocol};

use crate::DataError;

/// The variables, in the order in which they count.
const VARIABLES: [&str; 6] =
    ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// The proxy of the first variable that isn't empty; an error when that isn't understood: going past a proxy unasked may be
/// forbidden, or simply hang.
pub(super) fn of_environment() -> Result<Option<Proxy>, DataError> {
    check(|name| env::var_os(name))?;
    // Reads the variables in the same order, and `no_proxy` too.
    Ok(Proxy::try_from_env())
}

fn check(variable: impl Fn(&str) -> Option<OsString>) -> Result<(), DataError> {
    let set = |name: &&str| variable(name).is_some_and(|value| !value.is_empty());
    let Some(name) = VARIABLES.into_iter().find(set) else { return Ok(()) };
    let value = variable(name).unwrap_or_default();
    let proxy = value.to_str().and_then(|text| Proxy::new(text).ok());
    let understood = |proxy: Proxy| matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https);
    if proxy.is_some_and(understood) {
        return Ok(());
    }
    let value = value.to_string_lossy();
    // Without the password that may stand before the host.
    let shown: String = value.rsplit('@').next().unwrap_or_default().escape_debug().take(200).collect();
    Err(DataError::Format {
        file: format!("environment variable {name}"),
        rule: "must be the address of an HTTP proxy, like http://host:3128".to_owned(),
        found: format!("found \"{shown}\"; change it, or unset it to connect without a proxy"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of these variables.
    fn complaint(variables: &[(&str, &str)]) -> Option<String> {
        let variable =
            |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into());
        check(variable).err().map(|error| error.to_string())
    }

    #[test]
    fn http_proxies_are_understood() {
        for value in ["", "http://host:3128", "https://host", "host:3128", "host", "http://me:secret@host:1/"]
        {
            assert_eq!(complaint(&[("http_proxy", value)]), None, "{value}");
        }
        assert_eq!(complaint(&[]), None);
    }

    #[test]
    fn others_are_named_in_one_line() {
        for value in ["foo bar", "socks5://host:1080", "socks://host", "ftp://host", "http://", "\n"] {
            let message = complaint(&[("https_proxy", ""), ("http_proxy", value)]).unwrap();
            assert!(message.starts_with("environment variable http_proxy: must be "), "{message}");
            assert!(message.contains("unset it") && !message.contains('\n'), "{message}");
        }
        let message = complaint(&[("ALL_PROXY", "socks5://me:secret@host")]).unwrap();
        assert!(message.contains("ALL_PROXY") && message.contains("\"host\"") && !message.contains("secret"));
    }

    #[test]
    fn what_does_not_count_is_not_looked_at() {
        assert_eq!(complaint(&[("ALL_PROXY", "http://host"), ("http_proxy", "foo bar")]), None);
    }
}

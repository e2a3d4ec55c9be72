//! Where a request goes: its URL, taken apart and checked once.

use std::net::IpAddr;

use leadhook_core::{
    address::{AddressPolicy, UrlFault, check_url},
    outcome::BrokenKind,
};
use rustls::pki_types::ServerName;
use url::{Host, Url};

use crate::broken::Broken;

/// Where a request goes.
#[derive(Debug)]
pub(crate) struct Target {
    /// The host and its port where that is not the scheme's own: the header `host`.
    pub(crate) authority: String,
    /// The host with its port, for people.
    pub(crate) place: String,
    /// The host to look up, or the address that stands in its place.
    pub(crate) host: Where,
    /// The port.
    pub(crate) port: u16,
    /// The name the certificate must be valid for; `None`: plain HTTP.
    pub(crate) server_name: Option<ServerName<'static>>,
    /// The path and the query, the latter as it stood in the request: that is what is signed.
    pub(crate) path_and_query: String,
}

/// A host as the URL names it.
#[derive(Debug)]
pub(crate) enum Where {
    /// By a name, in ASCII.
    Name(String),
    /// By an address, which was checked.
    Address(IpAddr),
}

impl Target {
    /// Takes the URL apart; refuses one that is not http(s), holds a user name, or names a forbidden address.
    pub(crate) fn of(url: &str, policy: &AddressPolicy) -> Result<Self, Broken> {
        // The parser's own words do not quote the URL.
        let parsed = Url::parse(url).map_err(|error| invalid(format!("the URL is malformed: {error}")))?;
        check_url(&parsed, policy).map_err(|fault| match fault {
            UrlFault::Localhost(_) | UrlFault::Address(_) => {
                Broken::new(BrokenKind::AddressDenied, fault.to_string())
            }
            fault => invalid(fault.to_string()),
        })?;
        let host = match parsed.host() {
            Some(Host::Domain(name)) => Where::Name(name.to_owned()),
            Some(Host::Ipv4(address)) => Where::Address(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Where::Address(IpAddr::V6(address)),
            None => return Err(invalid("the URL names no host")),
        };
        let host_text = parsed.host_str().unwrap_or_default();
        let port = parsed.port_or_known_default().ok_or_else(|| invalid("the URL names no port"))?;
        let server_name = match parsed.scheme() {
            "https" => Some(server_name(&host)?),
            _ => None,
        };
        let authority = match parsed.port() {
            Some(port) => format!("{host_text}:{port}"),
            None => host_text.to_owned(),
        };
        let place = format!("{host_text}:{port}");
        Ok(Self { authority, place, host, port, server_name, path_and_query: path_and_query(&parsed, url) })
    }
}

fn invalid(detail: impl Into<String>) -> Broken {
    Broken::new(BrokenKind::RequestInvalid, detail)
}

fn server_name(host: &Where) -> Result<ServerName<'static>, Broken> {
    match host {
        Where::Address(address) => Ok(ServerName::from(*address)),
        // Certificates name hosts without the final dot of a fully qualified name.
        Where::Name(name) => ServerName::try_from(name.trim_end_matches('.').to_owned())
            .map_err(|_| invalid(format!("`{name}` cannot stand in a certificate"))),
    }
}

/// The query is not normalised, since for GET the signature covers it as it stood in the request.
fn path_and_query(parsed: &Url, url: &str) -> String {
    let without_fragment = url.split('#').next().unwrap_or_default();
    match without_fragment.split_once('?') {
        Some((_, query)) => format!("{}?{query}", parsed.path()),
        None => parsed.path().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::of(url, &AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()])).unwrap()
    }

    #[test]
    fn a_url_is_taken_apart() {
        let cases = [
            ("http://crm.example", "crm.example", "crm.example:80", "/"),
            ("https://crm.example:443/a?b=c#d", "crm.example", "crm.example:443", "/a?b=c"),
            ("https://CRM.example:8443/a/../b?x='1'", "crm.example:8443", "crm.example:8443", "/b?x='1'"),
            ("http://127.0.0.1:81/?", "127.0.0.1:81", "127.0.0.1:81", "/?"),
            ("http://[2a00::1]/", "[2a00::1]", "[2a00::1]:80", "/"),
            ("https://пример.рф/я", "xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai:443", "/%D1%8F"),
        ];
        for (url, authority, place, path_and_query) in cases {
            let target = target(url);
            assert_eq!(target.authority, authority, "{url}");
            assert_eq!(target.place, place, "{url}");
            assert_eq!(target.path_and_query, path_and_query, "{url}");
            assert_eq!(target.server_name.is_some(), url.starts_with("https"), "{url}");
        }
    }

    #[test]
    fn forbidden_and_malformed_urls_are_told_apart() {
        let cases = [
            ("http://10.0.0.1/", BrokenKind::AddressDenied),
            ("http://[::1]/", BrokenKind::AddressDenied),
            ("http://2130706433/", BrokenKind::AddressDenied),
            ("http://0x7f.1/", BrokenKind::AddressDenied),
            ("http://localhost/", BrokenKind::AddressDenied),
            ("http://user:secret@crm.example/", BrokenKind::RequestInvalid),
            ("ftp://crm.example/", BrokenKind::RequestInvalid),
            ("not a url", BrokenKind::RequestInvalid),
        ];
        for (url, kind) in cases {
            let broken = Target::of(url, &AddressPolicy::default()).unwrap_err();
            assert_eq!(broken.kind, kind, "{url}");
            assert!(!broken.detail.contains("secret"), "{}", broken.detail);
        }
    }
}

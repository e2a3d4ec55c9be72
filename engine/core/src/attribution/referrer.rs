//! What a referrer says about a visit: a search engine, another site, or nothing.

use std::borrow::Cow;

use url::Url;

use crate::visit::Visit;

/// Search engines: the name sent as source, and their hosts without `www.` and `m.`. `name.*` stands for
/// every country's domain, a leading dot for every host under that domain.
const SEARCH_ENGINES: &[(&str, &[&str])] = &[
    ("google", &["google.*"]),
    ("yandex", &["yandex.*", "ya.ru"]),
    ("bing", &["bing.com", "cn.bing.com"]),
    ("mail.ru", &["go.mail.ru"]),
    ("duckduckgo", &["duckduckgo.com", ".duckduckgo.com"]),
    ("rambler", &["rambler.ru", "nova.rambler.ru", "search.rambler.ru"]),
    ("yahoo", &["yahoo.*", "search.yahoo.*", ".search.yahoo.com"]),
    ("baidu", &["baidu.com"]),
    ("ecosia", &["ecosia.org"]),
    ("brave", &["search.brave.com"]),
    ("startpage", &["startpage.com"]),
    ("qwant", &["qwant.com"]),
    ("seznam", &["search.seznam.cz"]),
    ("naver", &["search.naver.com"]),
];

/// Source and medium of a visit by its referrer; `None` without one, or when it is the site itself.
pub(super) fn origin(visit: &Visit) -> Option<(Cow<'_, str>, &'static str)> {
    let referrer = host(visit.referrer.as_deref()?)?;
    if let Some(engine) = search_engine(&referrer) {
        return Some((Cow::Borrowed(engine), "organic"));
    }
    let own = [visit.hostname.as_deref(), visit.url.as_deref()];
    let is_own = own.into_iter().flatten().filter_map(host).any(|own| bare(&own) == bare(&referrer));
    (!is_own).then_some((Cow::Owned(referrer), "referral"))
}

/// The host of a URL in lower case, international names in their ASCII form; also of a URL without a scheme.
pub(super) fn host(url: &str) -> Option<String> {
    let whole = Url::parse(url).ok();
    let host = match whole.as_ref().and_then(Url::host_str) {
        Some(host) => host.to_owned(),
        None if url.contains("://") => return None,
        // A word without a dot ("null", "unknown") is no host of the open web.
        None => Url::parse(&format!("http://{url}"))
            .ok()?
            .host_str()
            .filter(|host| host.contains('.'))?
            .to_owned(),
    };
    let host = host.trim_end_matches('.');
    (!host.is_empty()).then(|| host.to_lowercase())
}

fn bare(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}

fn search_engine(host: &str) -> Option<&'static str> {
    let bare = bare(host);
    let host = bare.strip_prefix("m.").unwrap_or(bare);
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some(stem) => host.strip_prefix(stem).is_some_and(is_country_domain),
        None if pattern.starts_with('.') => host.ends_with(pattern),
        None => host == pattern,
    };
    let engine = SEARCH_ENGINES.iter().find(|(_, hosts)| hosts.iter().any(|pattern| matches(pattern)));
    engine.map(|(name, _)| *name)
}

/// `ru`, `com`, `co.uk`, `com.tr`: what a search engine's own domain ends with, and a lookalike's does not.
fn is_country_domain(rest: &str) -> bool {
    let letters = |label: &str, most: usize| {
        (2..=most).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    match rest.split_once('.') {
        None => letters(rest, 3),
        Some((second, country)) => matches!(second, "co" | "com" | "net" | "org") && letters(country, 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_engines_are_known_by_their_own_hosts_only() {
        let cases = [
            ("https://www.google.ru/", Some("google")),
            ("https://google.co.uk/search?q=x", Some("google")),
            ("https://yandex.com.tr/", Some("yandex")),
            ("https://m.yandex.ru/", Some("yandex")),
            ("https://ya.ru/search", Some("yandex")),
            ("https://go.mail.ru/search", Some("mail.ru")),
            ("https://uk.search.yahoo.com/", Some("yahoo")),
            ("https://www.bing.com/", Some("bing")),
            ("https://duckduckgo.com/", Some("duckduckgo")),
            ("https://google.evil.com/", None),
            ("https://notgoogle.ru/", None),
            ("https://mail.google.com/", None),
            ("https://e.mail.ru/", None),
        ];
        for (url, engine) in cases {
            assert_eq!(search_engine(&host(url).unwrap()), engine, "{url}");
        }
    }

    #[test]
    fn a_host_is_found_in_broken_urls_and_not_in_words() {
        let cases = [
            ("https://Shop.Example:8443/a?b#c", Some("shop.example")),
            ("shop.example/page?x=1", Some("shop.example")),
            ("http://магазин.рф/", Some("xn--80aairftm.xn--p1ai")),
            ("android-app://com.example.app/", Some("com.example.app")),
            ("null", None),
            ("https://", None),
            ("", None),
            ("about:blank", None),
        ];
        for (url, expected) in cases {
            assert_eq!(host(url).as_deref(), expected, "{url}");
        }
    }
}

//! Every publicly known notation and wrapping of a forbidden address, as a table and as a property over what can be written.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{settings::Known, webhook::Settings};

/// A URL, what it comes to when settings are saved, and who tells of the notation. `name`: it names a host, whose
/// addresses are looked at when it is connected to. `allowed`: it is public.
const TABLE: &str = include_str!("../../../../../tests/data/addresses.tsv");

/// What settings with this URL come to.
fn saved(url: &str) -> String {
    let policy = AddressPolicy::default();
    let known = Known { addresses: &policy, account: None };
    match Settings::parse(&json!({ "url": url }), &known) {
        Err(faults) => faults.0[0].code.to_owned(),
        Ok(settings) if settings.url.domain().is_some() => "name".to_owned(),
        Ok(_) => "allowed".to_owned(),
    }
}

/// Whether an address is public, by what the standard library knows of it, and so by nothing of ours.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let is_special = v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_documentation()
                || first == 0
                || first >= 240
                || (first == 100 && second & 0xc0 == 64)
                || (first == 198 && second & 0xfe == 18);
            !is_special
        }
        IpAddr::V6(v6) => {
            let wrapped = |high: u16, low: u16| {
                is_public(IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))))
            };
            match v6.segments() {
                [0, 0, 0, 0, 0, 0, 0, 0 | 1] => false,
                [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                    wrapped(high, low)
                }
                [0x2002, high, low, ..] => wrapped(high, low),
                [0x2001, 0, .., high, low] => wrapped(!high, !low),
                [first, ..] => first & 0xe000 == 0x2000,
            }
        }
    }
}

#[test]
fn each_known_notation_comes_to_what_the_table_says() {
    let mut wrong = Vec::new();
    let mut rows = 0;
    for line in TABLE.lines().skip(1) {
        let [url, expected, source] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        assert!(!source.is_empty(), "{url}: who tells of it?");
        let found = saved(url);
        if found != expected {
            wrong.push(format!("{url}: {found} in place of {expected} ({source})"));
        }
        rows += 1;
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(rows >= 400, "{rows}");
}

/// One address, written in one of the ways that resolvers and parsers of URLs read.
fn written() -> impl Strategy<Value = String> {
    let part = |number: u32, form: u8| match form % 3 {
        0 => number.to_string(),
        1 => format!("0{number:o}"),
        _ => format!("0x{number:x}"),
    };
    let v4 = (any::<u32>(), any::<[u8; 4]>(), 1_u8..=4).prop_map(move |(number, forms, parts)| {
        let [a, b, c, d] = number.to_be_bytes().map(u32::from);
        let numbers = match parts {
            1 => vec![number],
            2 => vec![a, number & 0xff_ffff],
            3 => vec![a, b, number & 0xffff],
            _ => vec![a, b, c, d],
        };
        numbers.iter().zip(forms).map(|(number, form)| part(*number, form)).collect::<Vec<_>>().join(".")
    });
    let v6 = prop_oneof![
        any::<u128>().prop_map(Ipv6Addr::from),
        (any::<u32>(), 0_usize..5).prop_map(|(v4, wrapping)| {
            let [high, low] = [(v4 >> 16) as u16, v4 as u16];
            Ipv6Addr::from(match wrapping {
                0 => [0, 0, 0, 0, 0, 0xffff, high, low],
                1 => [0, 0, 0, 0, 0, 0, high, low],
                2 => [0x64, 0xff9b, 0, 0, 0, 0, high, low],
                3 => [0x2002, high, low, 0, 0, 0, 0, 1],
                _ => [0x2001, 0, 0x808, 0x808, 0, 0, !high, !low],
            })
        }),
    ];
    prop_oneof![v4.clone(), v4.prop_map(|v4| format!("{v4}.")), v6.prop_map(|v6| format!("[{v6}]"))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_let_through_is_public_however_it_is_written(host in written()) {
        if let Ok(url) = Url::parse(&format!("http://{host}/"))
            && check_url(&url, &AddressPolicy::default()).is_ok()
        {
            let address = match url.host() {
                Some(Host::Ipv4(v4)) => IpAddr::V4(v4),
                Some(Host::Ipv6(v6)) => IpAddr::V6(v6),
                other => panic!("{host} became {other:?}"),
            };
            prop_assert!(is_public(address), "{host} is {address}");
        }
    }

    #[test]
    fn whatever_is_written_is_refused_or_a_name_or_public(url in "[a-z]{0,4}:?[/\\\\]{0,3}.{0,40}") {
        if let Ok(parsed) = Url::parse(&url)
            && check_url(&parsed, &AddressPolicy::default()).is_ok()
        {
            prop_assert!(matches!(parsed.scheme(), "http" | "https"));
            prop_assert!(parsed.username().is_empty() && parsed.password().is_none());
            match parsed.host() {
                Some(Host::Ipv4(v4)) => prop_assert!(is_public(IpAddr::V4(v4)), "{url}"),
                Some(Host::Ipv6(v6)) => prop_assert!(is_public(IpAddr::V6(v6)), "{url}"),
                Some(Host::Domain(name)) => prop_assert!(!name.ends_with("localhost"), "{url}"),
                None => prop_assert!(false, "{url} has no host"),
            }
        }
    }
}

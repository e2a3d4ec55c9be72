//! Tests of the address guard: one row for each class, wrapped form and notation.

mod notations;

use super::{AddressClass as C, *};

fn class_of(address: &str) -> Option<AddressClass> {
    AddressPolicy::default().permits(address.parse().unwrap()).err().map(|denied| denied.class)
}

fn allowing(block: &str) -> AddressPolicy {
    AddressPolicy::new(vec![block.parse().unwrap()])
}

fn code_of(url: &str, policy: &AddressPolicy) -> Option<&'static str> {
    check_url(&Url::parse(url).unwrap(), policy).err().map(|fault| fault.code())
}

#[test]
fn every_special_block_is_denied_up_to_its_edges() {
    let rows = [
        ("127.0.0.1", C::Loopback),
        ("127.255.255.255", C::Loopback),
        ("::1", C::Loopback),
        ("10.0.0.0", C::Private),
        ("172.16.0.0", C::Private),
        ("172.31.255.255", C::Private),
        ("192.168.255.255", C::Private),
        ("fec0::1", C::Private),
        ("169.254.0.1", C::LinkLocal),
        ("fe80::1", C::LinkLocal),
        ("febf::1", C::LinkLocal),
        ("100.64.0.0", C::CarrierGradeNat),
        ("100.127.255.255", C::CarrierGradeNat),
        ("0.0.0.0", C::Unspecified),
        ("0.255.255.255", C::Unspecified),
        ("::", C::Unspecified),
        ("224.0.0.1", C::Multicast),
        ("239.255.255.255", C::Multicast),
        ("255.255.255.255", C::Multicast),
        ("ff02::1", C::Multicast),
        ("192.0.2.1", C::Documentation),
        ("198.51.100.1", C::Documentation),
        ("203.0.113.1", C::Documentation),
        ("2001:db8::1", C::Documentation),
        ("3fff::1", C::Documentation),
        ("198.18.0.0", C::Benchmarking),
        ("198.19.255.255", C::Benchmarking),
        ("2001:2::1", C::Benchmarking),
        ("169.254.169.254", C::Metadata),
        ("169.254.170.2", C::Metadata),
        ("100.100.100.200", C::Metadata),
        ("192.0.0.192", C::Metadata),
        ("168.63.129.16", C::Metadata),
        ("fd00:ec2::254", C::Metadata),
        ("fd20:ce::254", C::Metadata),
        ("fc00::1", C::UniqueLocal),
        ("fdff::1", C::UniqueLocal),
        ("192.0.0.8", C::Reserved),
        ("192.88.99.1", C::Reserved),
        ("240.0.0.0", C::Reserved),
        ("2001:1::1", C::Reserved),
        ("64:ff9b:1::808:808", C::Reserved),
        ("100::1", C::Reserved),
        ("4000::1", C::Reserved),
        ("5f00::1", C::Reserved),
        ("::ffff:0:8.8.8.8", C::Reserved),
    ];
    for (address, class) in rows {
        assert_eq!(class_of(address), Some(class), "{address}");
    }
}

#[test]
fn public_addresses_beside_the_special_blocks_are_permitted() {
    for address in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:4860:4860::8888",
        "2a00:1450::1",
        "2606:4700::1",
    ] {
        assert_eq!(class_of(address), None, "{address}");
    }
}

#[test]
fn an_address_that_wraps_a_v4_one_is_judged_by_it() {
    let rows = [
        ("::ffff:127.0.0.1", Some(C::Loopback)),
        ("::ffff:8.8.8.8", None),
        ("::10.0.0.1", Some(C::Private)),
        ("::0.0.0.2", Some(C::Unspecified)),
        ("64:ff9b::169.254.169.254", Some(C::Metadata)),
        ("64:ff9b::8.8.8.8", None),
        ("2002:7f00:1::1", Some(C::Loopback)),
        ("2002:808:808::1", None),
        // Teredo: a private server, then a private client (10.0.0.1 with its bits turned over).
        ("2001:0:a00:1:0:0:f7f7:f7f7", Some(C::Private)),
        ("2001:0:808:808:0:0:f5ff:fffe", Some(C::Private)),
        ("2001:0:808:808:0:0:f7f7:f7f7", None),
        ("2a00:1450::5efe:192.168.0.1", Some(C::Private)),
        ("2a00:1450::200:5efe:192.168.0.1", Some(C::Private)),
        ("2a00:1450::5efe:8.8.8.8", None),
        ("2002:808:808::5efe:10.0.0.1", Some(C::Private)),
    ];
    for (address, class) in rows {
        assert_eq!(class_of(address), class, "{address}");
    }
}

#[test]
fn the_operators_blocks_win_also_over_the_mapped_form() {
    let policy = allowing("10.1.0.0/16");
    for (address, permitted) in
        [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("10.2.0.1", false), ("::ffff:10.2.0.1", false)]
    {
        assert_eq!(policy.permits(address.parse().unwrap()).is_ok(), permitted, "{address}");
    }
    assert!(allowing("fd00::/8").permits("fd00::1".parse().unwrap()).is_ok());
    assert!(allowing("169.254.169.254/32").permits("169.254.169.254".parse().unwrap()).is_ok());
}

#[test]
fn a_denial_says_in_words_what_the_address_is() {
    let words =
        |address: &str| AddressPolicy::default().permits(address.parse().unwrap()).unwrap_err().to_string();
    assert_eq!(words("10.0.0.1"), "10.0.0.1 is a private address (RFC 1918)");
    assert_eq!(words("::ffff:10.0.0.1"), "::ffff:10.0.0.1 stands for 10.0.0.1, a private address (RFC 1918)");
}

#[test]
fn rule_7_a_url_that_is_not_http_or_has_a_user_name_or_a_forbidden_address_is_refused() {
    let rows = [
        ("https://crm.example/hook?a=1", None),
        ("http://crm.example:8080/", None),
        ("https://8.8.8.8/", None),
        ("https://[2a00:1450::1]/", None),
        ("https://mylocalhost.example/", None),
        ("ftp://crm.example/", Some("not_http")),
        ("file:///etc/passwd", Some("not_http")),
        ("mailto:a@crm.example", Some("not_http")),
        ("https://user@crm.example/", Some("user_name_in_url")),
        ("https://:word@crm.example/", Some("user_name_in_url")),
        ("https://127.0.0.1/", Some("forbidden_address")),
        ("https://127.0.0.1./", Some("forbidden_address")),
        ("https://2130706433/", Some("forbidden_address")),
        ("https://0x7f.1/", Some("forbidden_address")),
        ("https://0177.0.0.1/", Some("forbidden_address")),
        ("https://127.1/", Some("forbidden_address")),
        ("https://0/", Some("forbidden_address")),
        ("https://①②⑦.0.0.1/", Some("forbidden_address")),
        ("https://%31%32%37.0.0.1/", Some("forbidden_address")),
        ("https://[::1]/", Some("forbidden_address")),
        ("https://[::ffff:7f00:1]/", Some("forbidden_address")),
        ("https://localhost/", Some("forbidden_address")),
        ("https://LOCALHOST./", Some("forbidden_address")),
        ("https://app.localhost/", Some("forbidden_address")),
        ("https://app.localhost../", Some("forbidden_address")),
    ];
    for (url, code) in rows {
        assert_eq!(code_of(url, &AddressPolicy::default()), code, "{url}");
    }
}

#[test]
fn names_of_this_machine_are_allowed_with_its_address() {
    for block in ["127.0.0.0/8", "::1/128"] {
        assert_eq!(code_of("http://localhost:9000/", &allowing(block)), None, "{block}");
        assert_eq!(code_of("http://app.localhost/", &allowing(block)), None, "{block}");
    }
    assert_eq!(code_of("http://localhost/", &allowing("10.0.0.0/8")), Some("forbidden_address"));
    assert_eq!(code_of("http://127.0.0.1/", &allowing("127.0.0.1/32")), None);
}

//! The address guard: which network addresses and URLs a webhook may be sent to, judged without a network.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use url::{Host, Url};

use crate::{event::words, fact::shorten};

words! {
    /// Why an address is not one to send to.
    AddressClass {
        /// The engine's own machine.
        Loopback "loopback",
        /// A private network.
        Private "private",
        /// One link, without routing.
        LinkLocal "link_local",
        /// Shared by the customers of one carrier.
        CarrierGradeNat "carrier_grade_nat",
        /// No address at all, or "this network".
        Unspecified "unspecified",
        /// Many receivers at once, broadcast among them.
        Multicast "multicast",
        /// For use in examples.
        Documentation "documentation",
        /// For measuring equipment.
        Benchmarking "benchmarking",
        /// Where clouds answer with the machine's own credentials.
        Metadata "metadata",
        /// Private IPv6.
        UniqueLocal "unique_local",
        /// Kept by the standards for other uses, or for later.
        Reserved "reserved",
    }
}

impl AddressClass {
    fn in_words(self) -> &'static str {
        match self {
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::CarrierGradeNat => "a carrier's shared address",
            Self::Unspecified => "no host's address",
            Self::Multicast => "a multicast or broadcast address",
            Self::Documentation => "an address for documentation",
            Self::Benchmarking => "an address for benchmarking",
            Self::Metadata => "a cloud's metadata address",
            Self::UniqueLocal => "a unique local address",
            Self::Reserved => "a reserved address",
        }
    }
}

/// What the standards say of a block of addresses: the class that forbids it, or `None` where sending is
/// allowed (for a form that wraps an IPv4 address: where that one alone decides).
type Block = (&'static str, Option<AddressClass>, &'static str);

/// The IANA special-purpose registries for IPv4 and IPv6 (RFC 6890, RFC 8190) and the addresses at which
/// clouds serve metadata. The first block that holds an address judges it.
#[rustfmt::skip]
const BLOCKS: &[Block] = {
    use AddressClass as C;
    &[
        ("169.254.169.254/32", Some(C::Metadata), "most clouds"),
        ("169.254.170.0/24",   Some(C::Metadata), "AWS container credentials"),
        ("100.100.100.200/32", Some(C::Metadata), "Alibaba Cloud"),
        ("192.0.0.192/32",     Some(C::Metadata), "Oracle Cloud"),
        ("168.63.129.16/32",   Some(C::Metadata), "Azure"),
        ("fd00:ec2::/32",      Some(C::Metadata), "AWS"),
        ("fd20:ce::254/128",   Some(C::Metadata), "Google Cloud"),

        ("0.0.0.0/8",          Some(C::Unspecified), "RFC 791, section 3.2"),
        ("10.0.0.0/8",         Some(C::Private), "RFC 1918"),
        ("100.64.0.0/10",      Some(C::CarrierGradeNat), "RFC 6598"),
        ("127.0.0.0/8",        Some(C::Loopback), "RFC 1122, section 3.2.1.3"),
        ("169.254.0.0/16",     Some(C::LinkLocal), "RFC 3927"),
        ("172.16.0.0/12",      Some(C::Private), "RFC 1918"),
        ("192.0.0.0/24",       Some(C::Reserved), "RFC 6890, section 2.1"),
        ("192.0.2.0/24",       Some(C::Documentation), "RFC 5737"),
        ("192.88.99.0/24",     Some(C::Reserved), "RFC 7526"),
        ("192.168.0.0/16",     Some(C::Private), "RFC 1918"),
        ("198.18.0.0/15",      Some(C::Benchmarking), "RFC 2544"),
        ("198.51.100.0/24",    Some(C::Documentation), "RFC 5737"),
        ("203.0.113.0/24",     Some(C::Documentation), "RFC 5737"),
        ("224.0.0.0/4",        Some(C::Multicast), "RFC 5771"),
        ("255.255.255.255/32", Some(C::Multicast), "RFC 8190"),
        ("240.0.0.0/4",        Some(C::Reserved), "RFC 1112, section 4"),
        ("0.0.0.0/0",          None, "global unicast"),

        ("::/128",             Some(C::Unspecified), "RFC 4291, section 2.5.2"),
        ("::1/128",            Some(C::Loopback), "RFC 4291, section 2.5.3"),
        ("::ffff:0:0/96",      None, "IPv4-mapped, RFC 4291, section 2.5.5.2"),
        ("::/96",              None, "IPv4-compatible, RFC 4291, section 2.5.5.1"),
        ("64:ff9b::/96",       None, "NAT64, RFC 6052"),
        ("2001::/32",          None, "Teredo, RFC 4380"),
        ("2002::/16",          None, "6to4, RFC 3056"),
        // Where in this block the IPv4 address stands is up to each network, so it cannot be judged by it.
        ("64:ff9b:1::/48",     Some(C::Reserved), "local NAT64, RFC 8215"),
        ("2001:2::/48",        Some(C::Benchmarking), "RFC 5180"),
        ("2001:db8::/32",      Some(C::Documentation), "RFC 3849"),
        ("2001::/23",          Some(C::Reserved), "RFC 2928"),
        ("3fff::/20",          Some(C::Documentation), "RFC 9637"),
        ("fc00::/7",           Some(C::UniqueLocal), "RFC 4193"),
        ("fe80::/10",          Some(C::LinkLocal), "RFC 4291, section 2.5.6"),
        ("fec0::/10",          Some(C::Private), "site-local, RFC 3879"),
        ("ff00::/8",           Some(C::Multicast), "RFC 4291, section 2.7"),
        ("2000::/3",           None, "global unicast, RFC 4291, section 2.4"),
        ("::/0",               Some(C::Reserved), "RFC 4291, section 2.4"),
    ]
};

/// Why an address may not be sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Denied {
    /// The address.
    pub address: IpAddr,
    /// The IPv4 address that it wraps and by which it was judged, where it does.
    pub wrapped: Option<Ipv4Addr>,
    /// The class of the address, or of the wrapped one.
    pub class: AddressClass,
    /// What says so.
    pub reference: &'static str,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, class, reference, .. } = self;
        match self.wrapped {
            Some(wrapped) => write!(f, "{address} stands for {wrapped}, {} ({reference})", class.in_words()),
            None => write!(f, "{address} is {} ({reference})", class.in_words()),
        }
    }
}

/// Which addresses may be sent to: all public ones, and those that the operator allows by CIDR.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressPolicy {
    allow: Vec<IpNet>,
}

impl AddressPolicy {
    /// A policy that also allows these blocks, whatever their class.
    pub fn new(allow: Vec<IpNet>) -> Self {
        Self { allow }
    }

    /// Whether this address may be sent to. The operator's blocks win; an IPv6 address that wraps IPv4
    /// ones is denied if any of those is, since a gateway on the way would deliver there.
    pub fn permits(&self, address: IpAddr) -> Result<(), Denied> {
        if self.allow.iter().any(|block| block.contains(&address)) {
            return Ok(());
        }
        if let IpAddr::V6(v6) = address {
            for wrapped in wrapped_by(v6) {
                self.permits(IpAddr::V4(wrapped)).map_err(|denied| Denied {
                    address,
                    wrapped: Some(wrapped),
                    ..denied
                })?;
            }
        }
        match judgement(address) {
            (Some(class), reference) => Err(Denied { address, wrapped: None, class, reference }),
            (None, _) => Ok(()),
        }
    }

    /// Whether the operator allows this very machine, and so its names.
    fn permits_loopback(&self) -> bool {
        [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
            .into_iter()
            .any(|address| self.permits(address).is_ok())
    }
}

fn judgement(address: IpAddr) -> (Option<AddressClass>, &'static str) {
    static TABLE: LazyLock<Vec<(IpNet, Option<AddressClass>, &str)>> = LazyLock::new(|| {
        let block = |&(prefix, class, reference): &Block| {
            (prefix.parse().expect("every prefix above is written in CIDR form"), class, reference)
        };
        BLOCKS.iter().map(block).collect()
    });
    TABLE
        .iter()
        .find(|(prefix, ..)| prefix.contains(&address))
        .map(|(_, class, reference)| (*class, *reference))
        .expect("the blocks 0.0.0.0/0 and ::/0 hold every address")
}

/// The IPv4 addresses that an IPv6 address carries by any of the forms in use.
fn wrapped_by(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    let segments = address.segments();
    let by_prefix = match segments {
        // `::` and `::1` are addresses of their own, though they look IPv4-compatible.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None, None],
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => [v4(high, low), None],
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => [v4(high, low), None],
        [0x2002, high, low, ..] => [v4(high, low), None],
        // Teredo names its server, and its client with every bit turned over (RFC 4380, section 4).
        [0x2001, 0, high, low, _, _, client_high, client_low] => {
            [v4(high, low), v4(!client_high, !client_low)]
        }
        _ => [None, None],
    };
    // ISATAP stands in the interface identifier, under any prefix (RFC 5214, section 6.1).
    let isatap = match segments {
        [_, _, _, _, flags, 0x5efe, high, low] if flags & 0xfcff == 0 => v4(high, low),
        _ => None,
    };
    by_prefix.into_iter().chain([isatap]).flatten()
}

/// Why a URL is not one to send to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// Neither http nor https.
    #[error("`{0}` is neither http nor https")]
    Scheme(String),
    /// A user name or password.
    #[error("a URL must not hold a user name or password; use a header instead")]
    UserInfo,
    /// No host.
    #[error("the URL names no host")]
    NoHost,
    /// A name of the engine's own machine.
    #[error("`{0}` is this very machine, which is not sent to unless the operator allows it")]
    Localhost(String),
    /// A forbidden address, written out.
    #[error("{0}, which is not sent to unless the operator allows it")]
    Address(#[source] Denied),
}

impl UrlFault {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Scheme(_) => "not_http",
            Self::UserInfo => "user_name_in_url",
            Self::NoHost => "no_host",
            Self::Localhost(_) | Self::Address(_) => "forbidden_address",
        }
    }
}

/// Checks what a URL alone can tell: its scheme, that it holds no user name, and its host, if that is an
/// address or a name of the engine's own machine (RFC 6761, section 6.3). What other names resolve to is
/// for the sender to check with [`AddressPolicy::permits`], each time it connects.
pub fn check_url(url: &Url, policy: &AddressPolicy) -> Result<(), UrlFault> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlFault::Scheme(shorten(url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlFault::UserInfo);
    }
    match url.host() {
        None => Err(UrlFault::NoHost),
        Some(Host::Ipv4(address)) => policy.permits(IpAddr::V4(address)).map_err(UrlFault::Address),
        Some(Host::Ipv6(address)) => policy.permits(IpAddr::V6(address)).map_err(UrlFault::Address),
        Some(Host::Domain(name)) => {
            let bare = name.trim_end_matches('.');
            let is_own = bare == "localhost" || bare.ends_with(".localhost");
            match is_own && !policy.permits_loopback() {
                true => Err(UrlFault::Localhost(shorten(name))),
                false if bare.is_empty() => Err(UrlFault::NoHost),
                false => Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests;

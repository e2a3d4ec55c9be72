//! The step from a URL to the addresses that are connected to: whatever is written and resolved, they are permitted ones.

use std::io;

use async_trait::async_trait;
use proptest::prelude::*;

use super::*;

/// The notations of forbidden addresses that settings are tried with too.
const TABLE: &str = include_str!("../../../../tests/data/addresses.tsv");

/// Every name resolves to these.
struct Resolving(Vec<IpAddr>);

#[async_trait]
impl Resolve for Resolving {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(self.0.clone())
    }
}

/// Where a courier would connect to for this URL; `Err` where it would not.
fn connected_to(url: &str, resolving: Vec<IpAddr>) -> Result<Vec<IpAddr>, Broken> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let resolver = Box::new(Resolving(resolving));
    let courier = Courier::new(CourierSettings { resolver, ..CourierSettings::default() }).unwrap();
    runtime.block_on(async {
        let target = Target::of(url, &courier.destinations().current())?;
        let deadline = Instant::now() + Duration::from_secs(10);
        let addresses = courier.addresses(&target, deadline).await?;
        Ok(addresses.iter().map(SocketAddr::ip).collect())
    })
}

#[test]
fn no_known_notation_of_a_forbidden_address_is_connected_to() {
    let private = vec![IpAddr::from([8, 8, 8, 8]), IpAddr::from([10, 0, 0, 1])];
    for line in TABLE.lines().skip(1) {
        let [url, expected, _] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        match (connected_to(url, private.clone()), expected) {
            (Ok(addresses), "allowed") => assert_eq!(addresses.len(), 1, "{url}"),
            (Ok(addresses), _) => panic!("{url} is connected to at {addresses:?}"),
            (Err(broken), "allowed") => panic!("{url}: {broken:?}"),
            (Err(broken), "name" | "forbidden_address") => {
                assert_eq!(broken.kind, BrokenKind::AddressDenied, "{url}: {broken:?}");
            }
            (Err(broken), _) => assert_eq!(broken.kind, BrokenKind::RequestInvalid, "{url}: {broken:?}"),
        }
    }
}

fn address() -> impl Strategy<Value = IpAddr> {
    let near_the_special = prop_oneof![
        Just([127, 0, 0, 1]),
        Just([10, 0, 0, 1]),
        Just([169, 254, 169, 254]),
        Just([8, 8, 8, 8]),
        any::<[u8; 4]>(),
    ];
    prop_oneof![
        near_the_special.clone().prop_map(IpAddr::from),
        near_the_special.prop_map(|v4| IpAddr::V6(std::net::Ipv4Addr::from(v4).to_ipv6_mapped())),
        any::<[u16; 8]>().prop_map(IpAddr::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whatever_is_written_and_resolved_the_connected_address_is_permitted(
        url in prop_oneof!["https?://[a-z.]{1,20}(:[0-9]{1,5})?/", "https?:[/\\\\]{0,3}.{0,40}"],
        answers in proptest::collection::vec(address(), 0..4),
    ) {
        if let Ok(addresses) = connected_to(&url, answers) {
            let policy = AddressPolicy::default();
            prop_assert!(!addresses.is_empty());
            for address in addresses {
                prop_assert!(policy.permits(address).is_ok(), "{url} is connected to at {address}");
            }
        }
    }
}

//! What takes traces to the operator's collector.

use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use leadhook_core::address::AddressPolicy;
use leadhook_courier::{Courier, CourierSettings, Roots};
use leadhook_runtime::Collector;

/// A courier of its own, that may reach any address: the operator's collector commonly stands on this very machine, where
/// customers' webhooks must not be sent.
pub(super) fn collector(url: String, roots: Roots) -> anyhow::Result<Collector> {
    let everywhere = vec![IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())];
    let settings =
        CourierSettings { addresses: AddressPolicy::new(everywhere), roots, ..CourierSettings::default() };
    Ok(Collector { carrier: Arc::new(Courier::new(settings)?), url })
}

//! Cities by address: who knows them, and when they are asked for.

use std::net::IpAddr;

use leadhook_core::event::Event;

use crate::engine::Engine;

/// Knows the cities of addresses; a file that is reloaded in service.
pub trait Cities: Send + Sync + 'static {
    /// The city of an address. Asked for each event that comes in, so it answers at once.
    fn city_of(&self, address: IpAddr) -> Option<String>;
}

impl Engine {
    /// Finds the cities of addresses that events state without one; nothing where this engine knows no cities.
    pub fn find_cities<'a>(&self, events: impl IntoIterator<Item = &'a mut Event>) {
        let Some(cities) = &self.shared().cities else { return };
        for event in events {
            event.patch.find_cities(|address| cities.city_of(address.parse().ok()?));
        }
    }
}

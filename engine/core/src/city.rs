//! The visitor's city by the address, where the source states none (the contract, "Qualification").
//!
//! Looked up when an event comes in and kept with the lead: what knows cities changes from week to week, and a retry
//! or a resend must say what was said first. Only a city that nobody states or stated is filled in.

use std::collections::{BTreeMap, BTreeSet};

use crate::{catalogue::Parameter, event::Patch, fact::Fact, lead::Lead};

/// Cities by address, both as text.
pub type Cities = BTreeMap<String, String>;

impl Patch {
    /// Asks for the cities of the addresses that come without one: of visits, and of the lead itself.
    pub fn find_cities(&mut self, look_up: impl Fn(&str) -> Option<String>) {
        let is_stated = matches!(self.facts.get(&Parameter::City), Some(Some(_)));
        let own = match self.facts.get(&Parameter::Ip) {
            Some(Some(Fact::Text(address))) if !is_stated => Some(address),
            _ => None,
        };
        let visits = self.visits.iter().filter(|visit| visit.city.is_none());
        let asked: BTreeSet<_> = visits.filter_map(|visit| visit.ip.as_ref()).chain(own).collect();
        let found = asked.into_iter().filter_map(|address| Some((address.clone(), look_up(address)?)));
        self.cities = found.collect();
    }
}

/// Fills in the cities that were found, where the lead as it is by now has none.
pub(crate) fn fill(lead: &mut Lead, cities: &Cities) {
    for visit in lead.visits.iter_mut().filter(|visit| visit.city.is_none()) {
        visit.city = visit.ip.as_ref().and_then(|address| cities.get(address)).cloned();
    }
    // The lead's own would stand over those of its visits.
    let is_known =
        lead.text(Parameter::City).is_some() || lead.visits.iter().any(|visit| visit.city.is_some());
    if !is_known && let Some(city) = lead.text(Parameter::Ip).and_then(|address| cities.get(address)) {
        lead.facts.insert(Parameter::City, Fact::Text(city.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use serde_json::{Value, json};

    use super::*;
    use crate::{event::Event, id::SiteId, rehearse::rehearse, site::Site, time::Timestamp};

    /// Everybody of this network is in one city.
    fn look_up(address: &str) -> Option<String> {
        address.starts_with("203.0.113.").then(|| "Kazan".to_owned())
    }

    fn visit(more: &Value) -> Value {
        let mut visit = json!({"at": "2026-03-02T09:00:00Z", "ip": "203.0.113.7"});
        visit.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "visits": [visit] })
    }

    /// The lead after the end of a call and what became known later.
    fn lead(data: &[Value]) -> Lead {
        let event = |data: &Value| {
            let mut event = Event::parse(&json!({
                "type": "call.ended", "site": "1", "lead": {"type": "call", "id": "7"},
                "time": "2026-03-02T09:30:00Z", "data": data,
            }))
            .unwrap();
            event.patch.find_cities(look_up);
            event
        };
        let site = Site::new(SiteId::new("1").unwrap());
        rehearse(data.iter().map(event), &site, Timestamp(1_772_500_000_000)).unwrap().unwrap().lead
    }

    fn city_of_visit(data: &[Value]) -> Option<String> {
        lead(data).visits[0].city.clone()
    }

    #[test]
    fn a_visits_city_follows_from_its_address_unless_stated() {
        assert_eq!(city_of_visit(&[visit(&json!({}))]).as_deref(), Some("Kazan"));
        assert_eq!(city_of_visit(&[visit(&json!({"ip": "198.51.100.7"}))]), None);
        let stated = visit(&json!({"city": "Perm"}));
        assert_eq!(city_of_visit(slice::from_ref(&stated)).as_deref(), Some("Perm"));
        assert_eq!(city_of_visit(&[stated.clone(), visit(&json!({}))]).as_deref(), Some("Perm"), "before");
        assert_eq!(city_of_visit(&[visit(&json!({})), stated]).as_deref(), Some("Perm"), "afterwards");
    }

    #[test]
    fn the_leads_own_city_follows_from_its_own_address_unless_anything_is_known() {
        let city = |data: &[Value]| lead(data).text(Parameter::City).map(str::to_owned);
        let address = json!({"ip": "203.0.113.7"});
        assert_eq!(city(slice::from_ref(&address)).as_deref(), Some("Kazan"));
        assert_eq!(city(&[json!({"ip": "203.0.113.7", "city": "Perm"})]).as_deref(), Some("Perm"));
        assert_eq!(city(&[json!({"city": "Perm"}), address.clone()]).as_deref(), Some("Perm"));
        assert_eq!(city(&[visit(&json!({"city": "Perm"})), address]), None, "the visit's is sent");
    }

    #[test]
    fn only_addresses_without_a_city_are_asked_about_and_each_once() {
        let asked = std::cell::RefCell::new(Vec::new());
        let at = |minute: u32, more: &Value| {
            let mut visit = visit(more)["visits"][0].clone();
            visit["at"] = json!(format!("2026-03-02T09:{minute:02}:00Z"));
            visit
        };
        let visits =
            [at(1, &json!({})), at(2, &json!({})), at(3, &json!({"ip": "198.51.100.1", "city": "Perm"}))];
        let mut event = Event::parse(&json!({
            "type": "call.ended", "site": "1", "lead": {"type": "call", "id": "7"},
            "time": "2026-03-02T09:30:00Z", "data": {"visits": visits},
        }))
        .unwrap();
        event.patch.find_cities(|address| {
            asked.borrow_mut().push(address.to_owned());
            None
        });
        assert_eq!(asked.into_inner(), ["203.0.113.7"]);
    }
}

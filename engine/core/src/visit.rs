//! Visits of a lead's visitor on the site, and how visits learned at different times are united.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    fact::{self, Fact},
    json::Tree,
    read::{Fields, Path, Reader},
    time::Timestamp,
};

/// The most visits kept of one lead; the oldest go first.
pub const VISITS_MAX: usize = 100;

/// One arrival of the visitor on the site. All but `at` may be unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// When the visitor arrived.
    pub at: Timestamp,
    /// The tracking session.
    pub session_id: Option<String>,
    /// The landing page.
    pub url: Option<String>,
    /// The page the visitor came from.
    pub referrer: Option<String>,
    /// The traffic source, where the tracking service states it.
    pub source: Option<String>,
    /// The traffic medium, where the tracking service states it.
    pub medium: Option<String>,
    /// Google Client ID.
    pub gcid: Option<String>,
    /// Yandex Client ID.
    pub ya_client_id: Option<String>,
    /// The tracked host.
    pub hostname: Option<String>,
    /// Third-party cookies: a JSON object as text.
    pub attrs: Option<String>,
    /// The visitor's address.
    pub ip: Option<String>,
    /// The visitor's user agent.
    pub user_agent: Option<String>,
    /// The visitor's city.
    pub city: Option<String>,
    /// Browser name and version.
    pub browser: Option<String>,
    /// Operating system name and version.
    pub os: Option<String>,
    /// The visitor's device.
    pub device: Option<String>,
}

/// Reads `visits`; an array of at most [`VISITS_MAX`] objects. Fields that are `null` or empty count as unknown.
pub fn read(value: &impl Tree, reader: &mut Reader, path: Path<'_>) -> Option<Vec<Visit>> {
    let items = reader.array(value, path, VISITS_MAX)?;
    let visits: Vec<Visit> = items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| read_one(item, reader, Path::Element(&path, index)))
        .collect();
    (visits.len() == items.len()).then_some(visits)
}

fn read_one(value: &impl Tree, reader: &mut Reader, path: Path<'_>) -> Option<Visit> {
    let mut fields = reader.object(value, path)?;
    let at = fields.required(reader, "at");
    let at = at.and_then(|value| reader.time(value, fields.path_of("at")));
    let attrs = fields.get_non_null("attrs");
    let attrs = attrs.and_then(|value| attrs_text(value, reader, fields.path_of("attrs")));
    let mut text = |name| text(&mut fields, name, reader);
    let visit = Visit {
        at: at.unwrap_or_default(),
        session_id: text("sessionId"),
        url: text("url"),
        referrer: text("ref"),
        source: text("source"),
        medium: text("medium"),
        gcid: text("gcid"),
        ya_client_id: text("yaClientId"),
        hostname: text("hostname"),
        attrs,
        ip: text("ip"),
        user_agent: text("userAgent"),
        city: text("city"),
        browser: text("browser"),
        os: text("os"),
        device: text("device"),
    };
    fields.refuse_unknown(reader);
    at.map(|_| visit)
}

fn text(fields: &mut Fields<'_, '_, impl Tree>, name: &'static str, reader: &mut Reader) -> Option<String> {
    let value = fields.get_non_null(name)?;
    match fact::read_text(value, reader, fields.path_of(name))? {
        Fact::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn attrs_text(value: &impl Tree, reader: &mut Reader, path: Path<'_>) -> Option<String> {
    fact::object_text(value, reader, path).filter(|text| text != "{}")
}

/// Unites visits learned at different times: the same `at` and session is the same visit, whose newly
/// stated fields replace the old. Sorted by time; beyond [`VISITS_MAX`] the oldest are dropped.
pub fn unite(known: &mut Vec<Visit>, learned: Vec<Visit>) {
    for visit in learned {
        let same = known.iter_mut().find(|old| old.at == visit.at && old.session_id == visit.session_id);
        match same {
            Some(old) => old.overlay(visit),
            None => known.push(visit),
        }
    }
    known.sort_by_key(|visit| visit.at);
    let surplus = known.len().saturating_sub(VISITS_MAX);
    known.drain(..surplus);
}

impl Visit {
    fn overlay(&mut self, newer: Self) {
        let pairs = [
            (&mut self.url, newer.url),
            (&mut self.referrer, newer.referrer),
            (&mut self.source, newer.source),
            (&mut self.medium, newer.medium),
            (&mut self.gcid, newer.gcid),
            (&mut self.ya_client_id, newer.ya_client_id),
            (&mut self.hostname, newer.hostname),
            (&mut self.attrs, newer.attrs),
            (&mut self.ip, newer.ip),
            (&mut self.user_agent, newer.user_agent),
            (&mut self.city, newer.city),
            (&mut self.browser, newer.browser),
            (&mut self.os, newer.os),
            (&mut self.device, newer.device),
        ];
        for (old, new) in pairs {
            if new.is_some() {
                *old = new;
            }
        }
    }

    /// The visit as JSON, in the form in which a source states it; unknown fields are left out.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("at".to_owned(), self.at.to_rfc3339().into());
        let texts = [
            ("sessionId", &self.session_id),
            ("url", &self.url),
            ("ref", &self.referrer),
            ("source", &self.source),
            ("medium", &self.medium),
            ("gcid", &self.gcid),
            ("yaClientId", &self.ya_client_id),
            ("hostname", &self.hostname),
            ("ip", &self.ip),
            ("userAgent", &self.user_agent),
            ("city", &self.city),
            ("browser", &self.browser),
            ("os", &self.os),
            ("device", &self.device),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                map.insert(name.to_owned(), text.as_str().into());
            }
        }
        if let Some(attrs) = &self.attrs {
            map.insert("attrs".to_owned(), serde_json::from_str(attrs).unwrap_or(Value::Null));
        }
        Value::Object(map)
    }
}

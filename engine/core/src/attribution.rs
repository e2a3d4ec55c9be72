//! Attribution: the visit that a lead is owed to, and what it says about where the visitor came from.
//!
//! All of it is the contract, "Attribution". Visits after the lead's start are not looked at.

mod landing;
mod referrer;

use std::borrow::Cow;

use crate::{catalogue::Parameter, lead::Lead, site::Site, visit::Visit, webhook::Attribution};

use landing::Landing;

/// Sent for a medium that is unknown, and for every utm value when the landing page bore no utm mark.
pub const NOT_STATED: &str = "<не указано>";
/// Sent for a utm value that is missing or empty while the landing page bore other utm marks.
pub const NOT_FILLED: &str = "<не заполнено>";
/// The source of a visit that came from nowhere known.
pub const DIRECT: &str = "(direct)";
/// The medium of a direct visit.
pub const NO_MEDIUM: &str = "(none)";

/// What the visits up to a lead's start say about its traffic, by one model; made once for each rendering.
#[derive(Debug)]
pub struct Traffic<'a> {
    visits: &'a [Visit],
    attributed: Option<Arrival<'a>>,
    pool_source: Option<&'a str>,
    pool_medium: Option<&'a str>,
    /// Where the lead itself states its landing page, that page.
    stated_landing: Option<Landing<'a>>,
    utm_is_stated: bool,
}

/// A visit with its source and medium: stated, or derived from its landing page and referrer.
#[derive(Debug, Clone)]
pub struct Arrival<'a> {
    /// The visit.
    pub visit: &'a Visit,
    /// Where the visitor came from; `None` when only a medium is known.
    pub source: Option<Cow<'a, str>>,
    /// By which kind of traffic; `None` when only a source is known.
    pub medium: Option<Cow<'a, str>>,
    landing: Option<Landing<'a>>,
}

impl<'a> Arrival<'a> {
    /// Derives what the visit does not state. A half that is stated or marked by utm stands; the other half
    /// is then not guessed, but for a source that the referrer names.
    pub fn of(visit: &'a Visit) -> Self {
        let landing = visit.url.as_deref().map(Landing::read);
        let utm =
            |parameter| landing.as_ref().and_then(|landing| landing.mark(parameter)).map(Cow::into_owned);
        let source = visit.source.as_deref().map(Cow::Borrowed);
        let source = source.or_else(|| utm(Parameter::UtmSource).map(Cow::Owned));
        let medium = visit.medium.as_deref().map(Cow::Borrowed);
        let medium = medium.or_else(|| utm(Parameter::UtmMedium).map(Cow::Owned));
        let (source, medium) = match (source, medium) {
            (Some(source), None) if source == DIRECT => (Some(source), Some(Cow::Borrowed(NO_MEDIUM))),
            (Some(source), medium) => (Some(source), medium),
            (None, Some(medium)) => (referrer::origin(visit).map(|(source, _)| source), Some(medium)),
            (None, None) => {
                let (source, medium) = referrer::origin(visit).unwrap_or((Cow::Borrowed(DIRECT), NO_MEDIUM));
                (Some(source), Some(Cow::Borrowed(medium)))
            }
        };
        Self { visit, source, medium, landing }
    }

    /// Whether the visitor came from nowhere known: typed the address, or used a bookmark.
    pub fn is_direct(&self) -> bool {
        self.source.as_deref() == Some(DIRECT)
    }
}

/// The visit that a model takes, of visits sorted by time; `None` only where there are none.
fn attributed(visits: &[Visit], model: Attribution) -> Option<Arrival<'_>> {
    let mut newest_first = visits.iter().rev().map(Arrival::of);
    let last = newest_first.next()?;
    match model {
        Attribution::LastNonDirect if last.is_direct() => {
            newest_first.find(|arrival| !arrival.is_direct()).or(Some(last))
        }
        _ => Some(last),
    }
}

impl<'a> Traffic<'a> {
    /// Looks at the visits of a lead by a model.
    pub fn of(lead: &'a Lead, model: Attribution) -> Self {
        let until_start = lead.visits.partition_point(|visit| visit.at <= lead.start.at);
        let visits = &lead.visits[..until_start];
        Self {
            visits,
            attributed: attributed(visits, model),
            pool_source: lead.pool_source.as_deref(),
            pool_medium: lead.pool_medium.as_deref(),
            stated_landing: lead.text(Parameter::Url).map(Landing::read),
            utm_is_stated: landing::MARKS.iter().any(|mark| lead.text(*mark).is_some()),
        }
    }

    /// The visit that the lead is owed to.
    pub fn attributed(&self) -> Option<&'a Visit> {
        self.attributed.as_ref().map(|arrival| arrival.visit)
    }

    /// The last visit at or before the lead's start.
    pub fn last(&self) -> Option<&'a Visit> {
        self.visits.last()
    }

    /// A value of the latest visit that has it.
    pub fn latest<T>(&self, read: impl Fn(&'a Visit) -> Option<T>) -> Option<T> {
        self.visits.iter().rev().find_map(read)
    }

    /// The source: of the attributed visit, or with no visit that of the static number.
    pub fn source(&self) -> Option<&str> {
        self.attributed.as_ref().map_or(self.pool_source, |arrival| arrival.source.as_deref())
    }

    /// The medium: of the attributed visit, or with no visit that of the static number.
    pub fn medium(&self) -> Option<&str> {
        self.attributed.as_ref().map_or(self.pool_medium, |arrival| arrival.medium.as_deref())
    }

    /// The value of one utm mark of the landing page, or [`NOT_FILLED`] where other marks are known;
    /// `None` where no mark is. A mark that the lead itself states counts as one of its landing page.
    pub fn utm(&self, mark: Parameter) -> Option<Cow<'_, str>> {
        let landing = self.landing();
        let any_mark = self.utm_is_stated || landing.is_some_and(Landing::has_marks);
        let value = landing.and_then(|landing| landing.mark(mark));
        value.or(any_mark.then_some(Cow::Borrowed(NOT_FILLED)))
    }

    /// The query parameters of the landing page that the site tracks, in the order of the URL.
    pub fn tracked_params(&self, site: &Site) -> Vec<(String, String)> {
        self.landing().map_or_else(Vec::new, |landing| landing.tracked(&site.tracked_url_params))
    }

    /// The tracked host: stated by the attributed visit, or that of the landing page.
    pub fn hostname(&self) -> Option<Cow<'a, str>> {
        let visit = self.attributed();
        let stated = visit.and_then(|visit| visit.hostname.as_deref()).map(Cow::Borrowed);
        stated.or_else(|| referrer::host(self.landing()?.url).map(Cow::Owned))
    }

    fn landing(&self) -> Option<&Landing<'a>> {
        self.stated_landing.as_ref().or_else(|| self.attributed.as_ref()?.landing.as_ref())
    }
}

#[cfg(test)]
mod tests;

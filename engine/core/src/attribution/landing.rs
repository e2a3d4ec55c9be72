//! The landing page of a visit: its utm marks and the query parameters that a site tracks.

use std::borrow::Cow;

use url::form_urlencoded;

use crate::catalogue::Parameter;

/// The five utm marks, in the order in which [`Landing`] keeps them.
pub(super) const MARKS: [Parameter; 5] = [
    Parameter::UtmSource,
    Parameter::UtmMedium,
    Parameter::UtmCampaign,
    Parameter::UtmContent,
    Parameter::UtmTerm,
];

/// A landing page with its utm marks read once. Anything is a landing page: what has no query has no marks.
#[derive(Debug, Clone)]
pub(super) struct Landing<'a> {
    pub(super) url: &'a str,
    /// Marks by [`MARKS`]; `Some("")` is one that the URL bears with no value.
    marks: [Option<Cow<'a, str>>; 5],
}

impl<'a> Landing<'a> {
    pub(super) fn read(url: &'a str) -> Self {
        let mut marks: [Option<Cow<'a, str>>; 5] = Default::default();
        for (name, value) in query(url) {
            let index = MARKS.iter().position(|mark| mark.name() == name);
            // Of a mark that is there twice the first counts, as web analytics reads it.
            if let Some(slot) = index.and_then(|index| marks.get_mut(index)).filter(|slot| slot.is_none()) {
                *slot = Some(value);
            }
        }
        Self { url, marks }
    }

    /// Whether there is any utm mark, be it empty.
    pub(super) fn has_marks(&self) -> bool {
        self.marks.iter().any(Option::is_some)
    }

    /// The value of a utm mark that is there and not empty.
    pub(super) fn mark(&self, parameter: Parameter) -> Option<Cow<'a, str>> {
        let index = MARKS.iter().position(|mark| *mark == parameter)?;
        self.marks[index].clone().filter(|value| !value.is_empty())
    }

    /// Name and value of each query parameter with one of these names.
    pub(super) fn tracked(&self, names: &[String]) -> Vec<(String, String)> {
        if names.is_empty() {
            return Vec::new();
        }
        query(self.url)
            .filter(|(name, _)| names.iter().any(|tracked| tracked == name))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect()
    }
}

/// The pairs of a URL's query. Read from the text, since broken URLs bear marks too.
fn query(url: &str) -> form_urlencoded::Parse<'_> {
    let before_fragment = url.split_once('#').map_or(url, |(before, _)| before);
    let query = before_fragment.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes())
}

//! A rendering looked at once more: which runs of plugins made it, and what differs where it is rendered again.

use std::{borrow::Cow, fmt};

use url::form_urlencoded;

use crate::{
    delivery::{Delivery, Method, Rendering, Request},
    encode::FORM_TYPE,
    plugin::{Decided, RUNS_MAX, Run, Step},
    webhook::Link,
};

/// The most characters of a value that a [`Difference`] tells.
const TOLD_CHARACTERS_MAX: usize = 120;

/// The transforms that made a rendering: places in the webhook's chain as it was then, in order, each with its run.
/// Filters are not among them, nor what failed and was passed over: both left the request as it was. `None` when the
/// delivery no longer remembers all of them ([`RUNS_MAX`]).
pub fn transforms<'a>(
    delivery: &'a Delivery,
    rendering: &Rendering,
    chain: &[Link],
) -> Option<Vec<(usize, &'a Run)>> {
    // One that sends another again was told the time of what it repeats, and has no other rendering.
    let is_resend = delivery.resend_of.is_some();
    let is_full = delivery.runs.len() >= RUNS_MAX;
    let is_cut = is_full && delivery.runs.first().is_some_and(|run| is_resend || run.at >= rendering.at);
    if is_cut && !chain.is_empty() {
        return None;
    }
    let is_of = |run: &&Run| run.step != Step::Receipt && (is_resend || run.at == rendering.at);
    // From the end: a pass that failed in the same millisecond stands before the one that came through.
    let mut runs: Vec<&Run> = delivery.runs.iter().filter(is_of).collect();
    let mut found = Vec::new();
    for (place, link) in chain.iter().enumerate().rev() {
        if let Some(run) = runs.pop_if(|run| run.step == Step::Transform && is_by(run, link))
            && run.decided == Decided::Sent
        {
            found.push((place, run));
        }
        runs.pop_if(|run| run.step == Step::Filter && is_by(run, link));
    }
    found.reverse();
    Some(found)
}

/// Whether a link names the plugin, and the version if it is pinned.
fn is_by(run: &Run, link: &Link) -> bool {
    match link.plugin.split_once('@') {
        Some((name, sha256)) => name == run.plugin && sha256 == run.sha256,
        None => link.plugin == run.plugin,
    }
}

/// Where a request differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The method.
    Method,
    /// The URL before its query.
    Url,
    /// A header.
    Header(String),
    /// A parameter of the form: the query of a GET, the body of a POST.
    Parameter(String),
    /// A byte of the form or body, counted from 0.
    Byte(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => f.write_str("method"),
            Self::Url => f.write_str("url"),
            Self::Header(name) => write!(f, "header {name}"),
            Self::Parameter(name) => write!(f, "parameter {name}"),
            Self::Byte(offset) => write!(f, "byte {offset}"),
        }
    }
}

/// One way in which a request that was rendered again is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub place: Place,
    /// What stood there, its first 120 characters; `None` where nothing did.
    pub then: Option<String>,
    /// What stands there now.
    pub again: Option<String>,
}

/// What differs: of the method, the URL, the headers, the parameters and the bytes the first each. Nothing exactly
/// where the two are the same byte for byte.
pub fn differences(then: &Request, again: &Request) -> Vec<Difference> {
    let url = |request: &Request| request.url.split('?').next().map(str::to_owned);
    let method = |request: &Request| Some(request.method.word().to_owned());
    let found = [
        differ(Place::Method, method(then), method(again)),
        differ(Place::Url, url(then), url(again)),
        first(&then.headers, &again.headers)
            .map(|(name, then, again)| difference(Place::Header(name), then, again)),
        first(&form(then), &form(again))
            .map(|(name, then, again)| difference(Place::Parameter(name), then, again)),
        bytes(content(then), content(again)),
    ];
    found.into_iter().flatten().collect()
}

fn differ(place: Place, then: Option<String>, again: Option<String>) -> Option<Difference> {
    (then != again).then(|| difference(place, then, again))
}

fn difference(place: Place, then: Option<String>, again: Option<String>) -> Difference {
    let told = |value: Option<String>| value.map(|text| text.chars().take(TOLD_CHARACTERS_MAX).collect());
    Difference { place, then: told(then), again: told(again) }
}

/// The name of the first pair that is another, with what stands under that name at that place.
fn first<N: AsRef<str>>(
    then: &[(N, N)],
    again: &[(N, N)],
) -> Option<(String, Option<String>, Option<String>)> {
    let pair = |(name, value): &(N, N)| (name.as_ref().to_owned(), value.as_ref().to_owned());
    let (then, again): (Vec<_>, Vec<_>) = (then.iter().map(pair).collect(), again.iter().map(pair).collect());
    let place = (0..then.len().max(again.len())).find(|place| then.get(*place) != again.get(*place))?;
    let (before, now) = (then.get(place), again.get(place));
    let name = &before.or(now)?.0;
    let under =
        |pair: Option<&(String, String)>| pair.filter(|pair| pair.0 == *name).map(|pair| pair.1.clone());
    Some((name.clone(), under(before), under(now)))
}

type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// The decoded pairs; none where the content is no form.
fn form(request: &Request) -> Pairs<'_> {
    let is_form = |(name, value): &(String, String)| name == "content-type" && value.starts_with(FORM_TYPE);
    match request.method == Method::Get || request.headers.iter().any(is_form) {
        true => form_urlencoded::parse(content(request)).collect(),
        false => Vec::new(),
    }
}

/// The body, or the query of a GET.
fn content(request: &Request) -> &[u8] {
    match request.method {
        Method::Post => &request.body,
        Method::Get => request.url.split_once('?').map_or("", |(_, query)| query).as_bytes(),
    }
}

/// Where two contents part, with what follows there.
fn bytes(then: &[u8], again: &[u8]) -> Option<Difference> {
    if then == again {
        return None;
    }
    let offset = then.iter().zip(again).take_while(|(before, now)| before == now).count();
    let from = |content: &[u8]| {
        let rest = &content[offset..content.len().min(offset + TOLD_CHARACTERS_MAX)];
        (!rest.is_empty()).then(|| String::from_utf8_lossy(rest).into_owned())
    };
    Some(difference(Place::Byte(offset), from(then), from(again)))
}

#[cfg(test)]
mod tests;

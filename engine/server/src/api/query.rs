//! Reads the query and the path of a call, naming what is wrong; and what lists are paged by.

use std::fmt::Display;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use leadhook_core::{
    fact::shorten,
    fault::{Fault, Faults},
    id::{DeliveryId, ErasureId, ResendId, SiteId, WebhookId},
    time::{Serial, Timestamp},
};
use leadhook_store::query::LIMIT_MAX;

use super::{Api, problem::Problem};

/// The rows of a page unless asked for otherwise.
const LIMIT_DEFAULT: usize = 50;

/// The parameters of a query being read: each is asked for by name, what nobody asked for is refused.
#[derive(Debug)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
    faults: Vec<Fault>,
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageWanted {
    /// 1 to [`LIMIT_MAX`].
    pub(super) limit: usize,
    /// Only what stands after this serial in the list.
    pub(super) before: Option<Serial>,
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let pairs = pairs.map_err(|rejection| Problem::fault("", "bad_query", rejection.body_text()))?.0;
        Ok(Self { pairs, known: Vec::new(), faults: Vec::new() })
    }
}

impl Query {
    /// A parameter's text, where it is there and not empty. Given twice it is refused.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let mut values = self.pairs.iter().filter(|(given, _)| given == name).map(|(_, value)| value);
        let first = values.next().filter(|value| !value.is_empty()).cloned();
        if values.next().is_some() {
            self.faults.push(Fault::new(name, "duplicate", format!("`{name}` is given twice")));
        }
        first
    }

    /// A parameter, read by `read`, which answers a code and words for what it does not take.
    pub(super) fn get<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, (&'static str, String)>,
    ) -> Option<T> {
        let text = self.text(name)?;
        match read(&text) {
            Ok(value) => Some(value),
            Err((code, detail)) => {
                self.faults.push(Fault::new(name, code, detail));
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy + Display>(&mut self, name: &'static str, all: &[T]) -> Option<T> {
        self.get(name, |text| {
            let found = all.iter().copied().find(|one| one.to_string() == text);
            found.ok_or_else(|| {
                let words: Vec<_> = all.iter().map(T::to_string).collect();
                let words = words.join("`, `");
                ("unknown_value", format!("`{}` is not one of `{words}`", shorten(text)))
            })
        })
    }

    /// A site's id.
    pub(super) fn site(&mut self) -> Option<SiteId> {
        self.get("site", |text| SiteId::new(text).ok_or_else(|| ("bad_site_id", SITE_ID_FORM.to_owned())))
    }

    /// A time, RFC 3339.
    pub(super) fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        self.get(name, |text| {
            // A `+` that was not percent-encoded has become a space, as the query's encoding has it.
            let with_plus = || {
                let (time, offset) = text.rsplit_once(' ')?;
                Timestamp::from_rfc3339(&format!("{time}+{offset}"))
            };
            let time = Timestamp::from_rfc3339(text).or_else(with_plus);
            time.ok_or_else(|| {
                let detail = "expected an RFC 3339 time with an offset, like 2026-02-26T20:03:37+03:00";
                ("bad_time", detail.to_owned())
            })
        })
    }

    /// `limit`, 1 to [`LIMIT_MAX`].
    pub(super) fn limit(&mut self) -> usize {
        let limit = self.get("limit", |text| {
            let number = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
            let detail = || format!("expected a whole number from 1 to {LIMIT_MAX}");
            number.ok_or_else(|| ("out_of_range", detail()))
        });
        limit.unwrap_or(LIMIT_DEFAULT)
    }

    /// `limit` and `cursor` of a list in the order of serials, newest first.
    pub(super) fn page(&mut self) -> PageWanted {
        let limit = self.limit();
        let before = self.get("cursor", |text| {
            let number = u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16);
            let detail = || "a cursor is what an answer gave as `next_cursor`".to_owned();
            number.map(Serial).ok_or_else(|| ("bad_cursor", detail()))
        });
        PageWanted { limit, before }
    }

    /// Notes what is wrong with a parameter.
    pub(super) fn fault(&mut self, name: &'static str, code: &str, detail: impl Into<String>) {
        self.faults.push(Fault::new(name, code, detail));
    }

    /// Refuses the call if anything was wrong, or was given that nobody asked for.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        let known = self.known.join("`, `");
        for (name, _) in self.pairs.iter().filter(|(name, _)| !self.known.contains(&name.as_str())) {
            let detail = format!("this call has no parameter `{}`; it has `{known}`", shorten(name));
            self.faults.push(Fault::new(shorten(name), "unknown_parameter", detail));
        }
        match self.faults.is_empty() {
            true => Ok(()),
            false => Err(Problem::invalid("bad_query", Faults(self.faults))),
        }
    }
}

/// The cursor after which the next page begins.
pub(super) fn cursor(next: Option<Serial>) -> Option<String> {
    next.map(|serial| format!("{:016x}", serial.0))
}

/// What a site's id looks like.
pub(super) const SITE_ID_FORM: &str = "a site's id has 1 to 64 characters of A-Z a-z 0-9 . _ -";

/// The one id in a call's path. What is not of an id's form names nothing: 404, with the form.
#[derive(Debug, Clone)]
pub(super) struct Id<T>(pub(super) T);

/// What a path can name by its id.
pub(super) trait Named: Sized + Send {
    /// Reads the id, or says what it should look like.
    fn by_id(text: &str) -> Result<Self, String>;
}

impl Named for WebhookId {
    fn by_id(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: leadhook_core::id::NotAnId| error.to_string())
    }
}

impl Named for DeliveryId {
    fn by_id(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: leadhook_core::id::NotAnId| error.to_string())
    }
}

impl Named for ResendId {
    fn by_id(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: leadhook_core::id::NotAnId| error.to_string())
    }
}

impl Named for ErasureId {
    fn by_id(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: leadhook_core::id::NotAnId| error.to_string())
    }
}

impl Named for SiteId {
    fn by_id(text: &str) -> Result<Self, String> {
        Self::new(text).ok_or_else(|| SITE_ID_FORM.to_owned())
    }
}

impl<T: Named> FromRequestParts<Api> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let [text] = path_parts(parts, api).await?;
        T::by_id(&text).map(Self).map_err(Problem::not_found)
    }
}

/// The named parts of the path, decoded.
pub(super) async fn path_parts<const N: usize>(parts: &mut Parts, api: &Api) -> Result<[String; N], Problem> {
    let found = Path::<Vec<String>>::from_request_parts(parts, api).await;
    let found = found.ok().and_then(|Path(found)| <[String; N]>::try_from(found).ok());
    found.ok_or_else(|| Problem::not_found("the path is not UTF-8 when decoded"))
}

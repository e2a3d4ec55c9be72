//! A span, the ids by which it is found, and how another program names its own (W3C Trace Context, level 1).

use std::{borrow::Cow, fmt, time::Duration};

use leadhook_core::{
    event::Trigger,
    id::AccountId,
    time::{Serial, Timestamp},
};
use sha2::{Digest as _, Sha256};

/// A trace's id; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceId(u128);

/// A span's id; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SpanId(u64);

impl TraceId {
    /// One that no other has.
    pub(super) fn random() -> Self {
        Self(rand::random::<u128>().max(1))
    }
}

impl SpanId {
    /// One that no other has.
    pub(super) fn random() -> Self {
        Self(rand::random::<u64>().max(1))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A span of whatever program: its trace and itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Context {
    /// The trace that it is part of.
    pub(super) trace: TraceId,
    /// The span.
    pub(super) span: SpanId,
}

impl Context {
    /// The span of an event that makes something owed. It follows from what every delivery of the event knows, so that
    /// all of them find it, in whatever process they are attempted, and nothing is stored for it.
    pub(super) fn of_event(
        account: AccountId,
        lead: Serial,
        trigger: Trigger,
        occurred_at: Timestamp,
    ) -> Self {
        let mut sum = Sha256::new();
        sum.update(account.0.to_be_bytes());
        sum.update(lead.0.to_be_bytes());
        sum.update(occurred_at.0.to_be_bytes());
        sum.update(trigger.word());
        let sum: [u8; 32] = sum.finalize().into();
        let number = |range: std::ops::Range<usize>| {
            sum[range].iter().fold(0_u128, |number, byte| (number << 8) | u128::from(*byte))
        };
        let span = u64::try_from(number(16..24)).unwrap_or(u64::MAX);
        Self { trace: TraceId(number(0..16).max(1)), span: SpanId(span.max(1)) }
    }

    /// What a header `traceparent` names; `None` where it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_whole = (version.len(), trace.len(), span.len(), flags.len()) == (2, 32, 16, 2)
            && [version, trace, span, flags].into_iter().all(is_hex)
            && version != "ff"
            // Later versions may say more.
            && (version != "00" || parts.next().is_none());
        let trace = u128::from_str_radix(trace, 16).ok().filter(|trace| is_whole && *trace != 0)?;
        let span = u64::from_str_radix(span, 16).ok().filter(|span| *span != 0)?;
        Some(Self { trace: TraceId(trace), span: SpanId(span) })
    }

    /// The header `traceparent` that names it, as one that is recorded.
    pub(super) fn header(self) -> String {
        format!("00-{}-{}-01", self.trace, self.span)
    }
}

/// Whom a span faces, by the number that OTLP has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nobody outside.
    Internal = 1,
    /// Who asked for it.
    Server = 2,
    /// Who is asked by it.
    Client = 3,
}

/// What is said of a span under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(Cow<'static, str>),
    Number(i64),
    Truth(bool),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

/// A name with what is said under it.
pub(super) type Attribute = (&'static str, Value);

/// A moment within a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) name: &'static str,
    pub(super) at: Timestamp,
    pub(super) attributes: Vec<Attribute>,
}

/// Something that took a while, as it is told to the collector. It never holds phones, bodies, paths, query strings or
/// what a source calls its leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) context: Context,
    /// The span of the same trace that it belongs to.
    pub(super) parent: Option<SpanId>,
    /// A span of another trace that led to it.
    pub(super) link: Option<Context>,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) began: Timestamp,
    pub(super) lasted: Duration,
    pub(super) attributes: Vec<Attribute>,
    pub(super) moments: Vec<Moment>,
    /// Why it did not go well, in a word; `None` where it did.
    pub(super) failure: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_knows_the_same_event_finds_the_same_trace_and_nothing_else_does() {
        let of = |account, lead, trigger, at| {
            Context::of_event(AccountId(account), Serial(lead), trigger, Timestamp(at))
        };
        let context = of(1, 2, Trigger::CallEnded, 3);
        assert_eq!(context, of(1, 2, Trigger::CallEnded, 3));
        let others = [
            of(2, 2, Trigger::CallEnded, 3),
            of(1, 3, Trigger::CallEnded, 3),
            of(1, 2, Trigger::CallStarted, 3),
            of(1, 2, Trigger::CallEnded, 4),
        ];
        for other in others {
            assert_ne!(other.trace, context.trace);
            assert_ne!(other.span, context.span);
        }
        // Collectors keep traces over upgrades: a trace that is being told must not get another id.
        assert_eq!(context.header(), "00-60b8df59631ad88ceff22d741dc934be-0042f4afa88fd558-01");
    }

    #[test]
    fn a_header_names_what_it_was_made_of_and_a_malformed_one_nothing() {
        let context = Context { trace: TraceId::random(), span: SpanId::random() };
        assert_eq!(Context::parse(&context.header()), Some(context));
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(Context::parse(good).map(Context::header).as_deref(), Some(good));
        assert!(Context::parse("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more").is_some());
        let bad = [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ];
        for bad in bad {
            assert_eq!(Context::parse(bad), None, "{bad}");
        }
    }
}

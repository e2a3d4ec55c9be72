//! A webhook's chain: filters and transforms of its links in order, what each did, and what comes out at the end.

mod state;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use leadhook_core::{
    delivery::Method,
    encode::{self, Unencoded},
    outcome::Answer,
    plugin::{Broken, Decided, LogLevel, LogLine, Run, StateChange, Step},
    time::Timestamp,
    webhook::OnError,
};

use crate::{
    Body, Call, Delivery, Draft, ErrorRecord, Judgement, Keep, Kind, Kv, Level, Limits, Pair, Plugin, Ran,
    Raw, Response, Verdict,
    brief::{LINKS_MAX, Reach},
};

use state::Changed;
pub use state::Scratch;

/// One link: a plugin with what it is given here.
#[derive(Clone)]
pub struct Link {
    /// The plugin's name, under which it keeps its state.
    pub name: String,
    /// The version that runs.
    pub plugin: Plugin,
    /// Its configuration here, as JSON text.
    pub config: Arc<str>,
    /// The secrets it is granted here, by name.
    pub secrets: Arc<BTreeMap<String, String>>,
    /// What becomes of the delivery when it fails.
    pub on_error: OnError,
    /// Its state in this webhook.
    pub state: Arc<dyn Kv>,
}

/// What is the same for every link of a chain.
#[derive(Clone, Copy)]
pub struct Stage<'a> {
    /// The delivery that is rendered or judged.
    pub delivery: &'a Delivery,
    /// The time of the rendering.
    pub now: Timestamp,
    /// What random numbers begin with.
    pub seed: u64,
    /// What each call may use.
    pub limits: Limits,
    /// For whom a script's instance may be kept.
    pub keep: Option<Keep<'a>>,
}

/// How a chain ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// This is sent.
    Send(Unencoded),
    /// A link holds the delivery back, or failed where that is to hold it back.
    Skip {
        /// Why, with the plugin's name.
        reason: String,
    },
    /// A link wants to be asked again later.
    Defer {
        /// When.
        until: Timestamp,
    },
    /// A link failed, and the delivery is to be tried again.
    Failed {
        /// The link's plugin.
        plugin: String,
        /// In which way.
        broken: Broken,
    },
}

/// What a chain came to.
#[derive(Debug)]
pub struct Passed {
    /// Its end.
    pub end: End,
    /// What ran, in order.
    pub runs: Vec<Run>,
    /// What is to become of the plugins' state. Nothing where the chain neither sent nor skipped: it runs again.
    pub changes: Vec<StateChange>,
}

/// What a plugin makes of an answer.
#[derive(Debug)]
pub struct Judged {
    /// Its judgement, or why there is none.
    pub judgement: Result<Judgement, Broken>,
    /// The run.
    pub run: Run,
    /// What is to become of its state.
    pub changes: Vec<StateChange>,
}

/// Passes a request through the links: of each its filter, then its transform.
pub fn pass(stage: &Stage<'_>, links: &[Link], draft: &Draft) -> Passed {
    pass_within(stage, links, draft, Reach::Whole).0
}

/// The same on a thread that serves others: for less than a millisecond, and without waiting. `None` where that is not
/// enough, or is known not to be; then nothing was done, and [`pass`] is to be called where it may block.
pub fn pass_in_place(stage: &Stage<'_>, links: &[Link], draft: &Draft) -> Option<Passed> {
    if links.len() > LINKS_MAX || !links.iter().all(|link| link.plugin.is_quick()) {
        return None;
    }
    let (passed, is_cut_short) = pass_within(stage, links, draft, Reach::Brief);
    (!is_cut_short).then_some(passed)
}

fn pass_within(stage: &Stage<'_>, links: &[Link], draft: &Draft, reach: Reach) -> (Passed, bool) {
    let mut chain = Chain::new(stage, reach);
    let end = chain.pass(links, draft);
    let Chain { runs, mut changes, is_cut_short, .. } = chain;
    if matches!(end, End::Defer { .. } | End::Failed { .. }) {
        changes.clear();
    }
    (Passed { end, runs, changes }, is_cut_short)
}

/// Passes a request once more through transforms that ran before, each over the state that it read then. No filter is
/// asked, and what is written is dropped: what a link read then had the writes of those before it in it.
pub fn pass_again(stage: &Stage<'_>, links: &[Link], draft: &Draft) -> Passed {
    let mut runs = Vec::new();
    let mut draft = Cow::Borrowed(draft);
    for link in links {
        let mut chain = Chain { runs, ..Chain::new(stage, Reach::Whole) };
        let verdict = chain.transform(link, &draft);
        runs = chain.runs;
        let end = match verdict {
            Ok(None) => continue,
            Ok(Some(Verdict::Send(rewritten))) => {
                draft = Cow::Owned(rewritten);
                continue;
            }
            Ok(Some(Verdict::Skip(reason))) => skipped(link, &reason),
            Ok(Some(Verdict::Defer(at))) => End::Defer { until: time(at) },
            Err(broken) => End::Failed { plugin: link.name.clone(), broken },
        };
        return Passed { end, runs, changes: Vec::new() };
    }
    Passed { end: End::Send(unencoded(draft.into_owned())), runs, changes: Vec::new() }
}

/// Asks a plugin what the handler's answer means.
pub fn judge(stage: &Stage<'_>, link: &Link, answer: &Answer, elapsed_ms: u32) -> Judged {
    judge_within(stage, link, answer, elapsed_ms, Reach::Whole).0
}

/// The same on a thread that serves others, as [`pass_in_place`].
pub fn judge_in_place(stage: &Stage<'_>, link: &Link, answer: &Answer, elapsed_ms: u32) -> Option<Judged> {
    if !link.plugin.is_quick() {
        return None;
    }
    let (judged, is_cut_short) = judge_within(stage, link, answer, elapsed_ms, Reach::Brief);
    (!is_cut_short).then_some(judged)
}

fn judge_within(
    stage: &Stage<'_>,
    link: &Link,
    answer: &Answer,
    elapsed_ms: u32,
    reach: Reach,
) -> (Judged, bool) {
    let response = Response {
        status: answer.status,
        headers: answer.headers.iter().map(|(name, value)| Pair::new(name, value)).collect(),
        body: answer.body.clone(),
        elapsed_ms,
    };
    let mut chain = Chain::new(stage, reach);
    let ran = link.plugin.judge_within(&chain.call(link), &response, reach);
    let judgement = chain.note(link, Step::Receipt, ran, |judgement| match judgement {
        Judgement::Delivered => Decided::Delivered,
        Judgement::RetryAfter(after_seconds) => Decided::Retry { after_seconds: *after_seconds },
        Judgement::Refused(reason) => Decided::Refused { reason: reason.clone() },
    });
    let run = chain.runs.remove(0);
    (Judged { judgement, run, changes: chain.changes }, chain.is_cut_short)
}

struct Chain<'a> {
    stage: &'a Stage<'a>,
    reach: Reach,
    runs: Vec<Run>,
    changes: Vec<StateChange>,
    /// Whether a brief call was not enough: nothing of the chain counts.
    is_cut_short: bool,
}

impl<'a> Chain<'a> {
    fn new(stage: &'a Stage<'a>, reach: Reach) -> Self {
        Self { stage, reach, runs: Vec::new(), changes: Vec::new(), is_cut_short: false }
    }

    fn pass(&mut self, links: &[Link], draft: &Draft) -> End {
        let mut draft = Cow::Borrowed(draft);
        for link in links {
            match self.filter(link) {
                Ok(None) => {}
                Ok(Some(reason)) => return skipped(link, &reason),
                Err(broken) => match self.failed(link, broken) {
                    Some(end) => return end,
                    None => continue,
                },
            }
            match self.transform(link, &draft) {
                Ok(None) => {}
                Ok(Some(Verdict::Send(rewritten))) => draft = Cow::Owned(rewritten),
                Ok(Some(Verdict::Skip(reason))) => return skipped(link, &reason),
                Ok(Some(Verdict::Defer(at))) => return End::Defer { until: time(at) },
                Err(broken) => {
                    if let Some(end) = self.failed(link, broken) {
                        return end;
                    }
                }
            }
        }
        End::Send(unencoded(draft.into_owned()))
    }

    /// What follows from a link's failure; `None`: the chain goes on with the request as it was before the link.
    fn failed(&self, link: &Link, broken: Broken) -> Option<End> {
        match link.on_error {
            OnError::SendOriginal if !self.is_cut_short => None,
            OnError::Skip if !self.is_cut_short => Some(skipped(
                link,
                &format!("it failed ({}), and its link says to skip then: {}", broken.kind, broken.detail),
            )),
            _ => Some(End::Failed { plugin: link.name.clone(), broken }),
        }
    }

    /// Why the link's filter holds the delivery back, if it has one and it does.
    fn filter(&mut self, link: &Link) -> Result<Option<String>, Broken> {
        if !link.plugin.exports().filter {
            return Ok(None);
        }
        let ran = link.plugin.filter_within(&self.call(link), self.reach);
        self.note(link, Step::Filter, ran, |reason| match reason {
            None => Decided::Passed,
            Some(reason) => Decided::Skipped { reason: reason.clone() },
        })
    }

    /// What the link makes of the request; `None` where it only filters.
    fn transform(&mut self, link: &Link, draft: &Draft) -> Result<Option<Verdict>, Broken> {
        if !link.plugin.exports().transform {
            return Ok(None);
        }
        let ran = link.plugin.transform_within(&self.call(link), draft, self.reach);
        let verdict = self.note(link, Step::Transform, ran, |verdict| match verdict {
            Verdict::Send(_) => Decided::Sent,
            Verdict::Skip(reason) => Decided::Skipped { reason: reason.clone() },
            Verdict::Defer(at) => Decided::Deferred { until: time(*at) },
        });
        verdict.map(Some)
    }

    fn call(&self, link: &Link) -> Call<'a> {
        let mine = self.changes.iter().filter(|one| one.plugin == link.name);
        let changes: Vec<_> = mine.map(|one| (one.key.clone(), one.change.clone())).collect();
        let kv: Arc<dyn Kv> = match changes.is_empty() {
            true => Arc::clone(&link.state),
            false => {
                Arc::new(Changed { base: Arc::clone(&link.state), changes, now_ms: now_ms(self.stage.now) })
            }
        };
        Call {
            delivery: self.stage.delivery,
            config: Arc::clone(&link.config),
            secrets: Arc::clone(&link.secrets),
            kv,
            now_ms: now_ms(self.stage.now),
            seed: self.stage.seed,
            limits: self.stage.limits,
            keep: self.stage.keep,
        }
    }

    /// Keeps the record of a call, and what it changed.
    fn note<T>(
        &mut self,
        link: &Link,
        step: Step,
        ran: Ran<T>,
        decided: impl FnOnce(&T) -> Decided,
    ) -> Result<T, Broken> {
        let Ran { result, usage, log, kv, is_cut_short } = ran;
        self.is_cut_short |= is_cut_short;
        let result = result.map_err(broken);
        let changed = |(key, change)| StateChange { plugin: link.name.clone(), key, change };
        self.changes.extend(kv.writes.into_iter().map(changed));
        self.runs.push(Run {
            plugin: link.name.clone(),
            sha256: link.plugin.hash().to_owned(),
            step,
            at: self.stage.now,
            decided: match &result {
                Ok(value) => decided(value),
                Err(broken) => Decided::Broken(broken.clone()),
            },
            log: log
                .lines
                .into_iter()
                .map(|line| LogLine { level: level(line.level), text: line.text })
                .collect(),
            log_cut: log.cut,
            fuel: usage.fuel,
            memory_bytes_peak: usage.memory_bytes_peak,
            elapsed_us: u64::try_from(usage.elapsed.as_micros()).unwrap_or(u64::MAX),
            reads: kv.reads,
        });
        result
    }
}

fn skipped(link: &Link, reason: &str) -> End {
    End::Skip { reason: format!("skipped by the plugin `{}`: {reason}", link.name) }
}

fn broken(record: ErrorRecord) -> Broken {
    let ErrorRecord { kind, detail, code, retryable, frames, .. } = record;
    // What is no fault of the plugin may be over at the next try; and a mistake in a script is mended by an upload,
    // which the delivery can wait for.
    let is_mistake = matches!(code.as_deref(), Some("script" | "script_limit"));
    let retryable = if kind == Kind::Sandbox || is_mistake { Some(true) } else { retryable };
    Broken { kind: kind.as_str().to_owned(), detail, code, retryable, frames }
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
        Level::Error => LogLevel::Error,
    }
}

fn now_ms(now: Timestamp) -> u64 {
    u64::try_from(now.0).unwrap_or(0)
}

fn time(at_ms: u64) -> Timestamp {
    Timestamp(i64::try_from(at_ms).unwrap_or(i64::MAX))
}

/// A request as plugins see it.
pub fn draft(request: Unencoded) -> Draft {
    let pair = |(name, value)| Pair { name, value };
    Draft {
        method: request.method.word().to_owned(),
        url: request.url,
        headers: request.headers.into_iter().map(pair).collect(),
        body: match request.body {
            encode::Body::Form(pairs) => Body::Form(pairs.into_iter().map(pair).collect()),
            encode::Body::Raw { content_type, bytes } => Body::Raw(Raw { content_type, bytes }),
        },
    }
}

/// A request as it came out of plugins, which only let GET and POST pass.
pub fn unencoded(draft: Draft) -> Unencoded {
    let pair = |Pair { name, value }| (name, value);
    Unencoded {
        method: if draft.method == Method::Get.word() { Method::Get } else { Method::Post },
        url: draft.url,
        headers: draft.headers.into_iter().map(pair).collect(),
        body: match draft.body {
            Body::Form(pairs) => encode::Body::Form(pairs.into_iter().map(pair).collect()),
            Body::Raw(Raw { content_type, bytes }) => encode::Body::Raw { content_type, bytes },
        },
    }
}

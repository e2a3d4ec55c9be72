//! A webhook's chain: filters and transforms of its links in order, what each did, and what comes out at the end.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use leadhook_core::{
    delivery::Method,
    encode::{self, Unencoded},
    outcome::Answer,
    plugin::{Broken, Change, Decided, LogLevel, LogLine, Run, StateChange, Step, Stored},
    time::Timestamp,
    webhook::OnError,
};

use crate::{
    Body, Call, Delivery, Draft, ErrorRecord, Judgement, Keep, Kind, Kv, Level, Limits, Pair, Plugin, Ran,
    Raw, Response, Verdict,
};

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
pub fn pass(stage: &Stage<'_>, links: &[Link], request: Unencoded) -> Passed {
    let mut chain = Chain { stage, runs: Vec::new(), changes: Vec::new() };
    let end = chain.pass(links, draft(request));
    let Chain { runs, mut changes, .. } = chain;
    if matches!(end, End::Defer { .. } | End::Failed { .. }) {
        changes.clear();
    }
    Passed { end, runs, changes }
}

/// Passes a request once more through transforms that ran before, each over the state that it read then. No filter is
/// asked, and what is written is dropped: what a link read then had the writes of those before it in it.
pub fn pass_again(stage: &Stage<'_>, links: &[Link], request: Unencoded) -> Passed {
    let mut runs = Vec::new();
    let mut draft = draft(request);
    for link in links {
        let mut chain = Chain { stage, runs, changes: Vec::new() };
        let verdict = chain.transform(link, &draft);
        runs = chain.runs;
        let end = match verdict {
            Ok(None) => continue,
            Ok(Some(Verdict::Send(rewritten))) => {
                draft = rewritten;
                continue;
            }
            Ok(Some(Verdict::Skip(reason))) => skipped(link, &reason),
            Ok(Some(Verdict::Defer(at))) => End::Defer { until: time(at) },
            Err(broken) => End::Failed { plugin: link.name.clone(), broken },
        };
        return Passed { end, runs, changes: Vec::new() };
    }
    Passed { end: End::Send(unencoded(draft)), runs, changes: Vec::new() }
}

/// Asks a plugin what the handler's answer means.
pub fn judge(stage: &Stage<'_>, link: &Link, answer: &Answer, elapsed_ms: u32) -> Judged {
    let response = Response {
        status: answer.status,
        headers: answer.headers.iter().map(|(name, value)| Pair::new(name, value)).collect(),
        body: answer.body.clone(),
        elapsed_ms,
    };
    let mut chain = Chain { stage, runs: Vec::new(), changes: Vec::new() };
    let ran = link.plugin.judge(&chain.call(link), &response);
    let judgement = chain.note(link, Step::Receipt, ran, |judgement| match judgement {
        Judgement::Delivered => Decided::Delivered,
        Judgement::RetryAfter(after_seconds) => Decided::Retry { after_seconds: *after_seconds },
        Judgement::Refused(reason) => Decided::Refused { reason: reason.clone() },
    });
    let run = chain.runs.remove(0);
    Judged { judgement, run, changes: chain.changes }
}

struct Chain<'a> {
    stage: &'a Stage<'a>,
    runs: Vec<Run>,
    changes: Vec<StateChange>,
}

impl Chain<'_> {
    fn pass(&mut self, links: &[Link], mut draft: Draft) -> End {
        for link in links {
            match self.filter(link) {
                Ok(None) => {}
                Ok(Some(reason)) => return skipped(link, &reason),
                Err(broken) => match failed(link, broken) {
                    Some(end) => return end,
                    None => continue,
                },
            }
            match self.transform(link, &draft) {
                Ok(None) => {}
                Ok(Some(Verdict::Send(rewritten))) => draft = rewritten,
                Ok(Some(Verdict::Skip(reason))) => return skipped(link, &reason),
                Ok(Some(Verdict::Defer(at))) => return End::Defer { until: time(at) },
                Err(broken) => {
                    if let Some(end) = failed(link, broken) {
                        return end;
                    }
                }
            }
        }
        End::Send(unencoded(draft))
    }

    /// Why the link's filter holds the delivery back, if it has one and it does.
    fn filter(&mut self, link: &Link) -> Result<Option<String>, Broken> {
        if !link.plugin.exports().filter {
            return Ok(None);
        }
        let ran = link.plugin.filter(&self.call(link));
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
        let ran = link.plugin.transform(&self.call(link), draft);
        let verdict = self.note(link, Step::Transform, ran, |verdict| match verdict {
            Verdict::Send(_) => Decided::Sent,
            Verdict::Skip(reason) => Decided::Skipped { reason: reason.clone() },
            Verdict::Defer(at) => Decided::Deferred { until: time(*at) },
        });
        verdict.map(Some)
    }

    fn call(&self, link: &Link) -> Call<'_> {
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
        let Ran { result, usage, log, kv } = ran;
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

/// What follows from a link's failure; `None`: the chain goes on with the request as it was before the link.
fn failed(link: &Link, broken: Broken) -> Option<End> {
    match link.on_error {
        OnError::Retry => Some(End::Failed { plugin: link.name.clone(), broken }),
        OnError::SendOriginal => None,
        OnError::Skip => Some(skipped(
            link,
            &format!("it failed ({}), and its link says to skip then: {}", broken.kind, broken.detail),
        )),
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

/// State as the links before left it.
struct Changed {
    base: Arc<dyn Kv>,
    changes: Vec<(String, Change)>,
    now_ms: u64,
}

impl Kv for Changed {
    fn read(&self, key: &str) -> Result<Option<Stored>, String> {
        let changes = self.changes.iter().filter(|(changed, _)| changed == key);
        let base = self.base.read(key)?;
        Ok(changes.fold(base, |before, (_, change)| change.apply(before.as_ref(), self.now_ms)))
    }
}

/// State that lives as long as this does: for tests, previews and runs on a desk.
#[derive(Debug, Default)]
pub struct Scratch(Mutex<BTreeMap<String, Stored>>);

impl Scratch {
    /// State that has these values already.
    pub fn of(values: impl IntoIterator<Item = (String, Stored)>) -> Self {
        Self(Mutex::new(values.into_iter().collect()))
    }

    /// Carries out what a chain left to be done for one plugin.
    pub fn apply<'a>(&self, changes: impl IntoIterator<Item = &'a StateChange>, now: Timestamp) {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for StateChange { key, change, .. } in changes {
            match change.apply(values.get(key), now_ms(now)) {
                Some(stored) => values.insert(key.clone(), stored),
                None => values.remove(key),
            };
        }
    }

    /// All that is there.
    pub fn values(&self) -> BTreeMap<String, Stored> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Kv for Scratch {
    fn read(&self, key: &str) -> Result<Option<Stored>, String> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }
}

//! The handlers: each webhook's is healthy, slow, failing, in and out, or gone, as the script says.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use leadhook_core::{
    delivery::Request,
    outcome::{Answer, BrokenKind, Outcome},
};
use leadhook_runtime::Carrier;

use crate::{
    dice::Dice,
    history::What,
    mutation::Mutation,
    world::{World, locked},
};

/// How a handler is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    /// It takes everything within 50 ms.
    #[default]
    Healthy,
    /// It takes up to 20 seconds, longer than its webhook's deadline at times.
    Slow,
    /// It takes nothing.
    Failing,
    /// It takes about half.
    Flaky,
    /// It answers 410 once, and is healthy after.
    Gone,
}

/// All handlers, as the engine reaches them.
pub(crate) struct Handlers {
    pub(crate) world: Arc<World>,
}

/// The account and the webhook that an address names: `https://a2-w7.example/hook`.
pub(crate) fn addressee(url: &str) -> Option<(u32, u64)> {
    let host = url.strip_prefix("https://a")?.split_once(".example")?.0;
    let (account, webhook) = host.split_once("-w")?;
    Some((account.parse().ok()?, webhook.parse().ok()?))
}

/// The address of a webhook's handler.
pub(crate) fn url_of(account: u32, webhook: u64) -> String {
    format!("https://a{account}-w{webhook}.example/hook")
}

impl Handlers {
    /// What this handler does with the next request, and how long it takes.
    fn decide(&self, url: &str) -> (Duration, Outcome) {
        let key = addressee(url).unwrap_or_default();
        let mut modes = locked(&self.world.modes);
        let mode = modes.entry(key).or_default();
        let mut dice = locked(&self.world.handler_dice);
        let quick = Duration::from_millis(dice.below(50) + 1);
        match *mode {
            Mode::Healthy => (quick, status(if dice.chance(80) { 200 } else { 204 }, Vec::new())),
            Mode::Slow => (Duration::from_millis(dice.below(20_000) + 1), status(200, Vec::new())),
            Mode::Failing => (quick, failure(&mut dice)),
            Mode::Flaky if dice.chance(50) => (quick, failure(&mut dice)),
            Mode::Flaky => (quick, status(200, Vec::new())),
            Mode::Gone => {
                *mode = Mode::Healthy;
                (quick, status(410, Vec::new()))
            }
        }
    }
}

fn status(status: u16, headers: Vec<(String, String)>) -> Outcome {
    Outcome::Answered(Answer { status, headers, ..Answer::default() })
}

fn broken(kind: BrokenKind) -> Outcome {
    Outcome::Broken { kind, detail: String::new(), status: None }
}

fn failure(dice: &mut Dice) -> Outcome {
    match dice.below(6) {
        0 => broken(BrokenKind::ConnectionRefused),
        1 => broken(BrokenKind::ConnectionLost),
        2 => broken(BrokenKind::TimeoutReading),
        3 => status(503, vec![("retry-after".to_owned(), dice.below(600).to_string())]),
        4 => status(302, vec![("location".to_owned(), "https://elsewhere.example/".to_owned())]),
        _ => status(500, Vec::new()),
    }
}

#[async_trait]
impl Carrier for Handlers {
    async fn carry(&self, request: &Request, headers: &[(String, String)], timeout: Duration) -> Outcome {
        let world = &self.world;
        let number = world.next_sending();
        let id = headers.iter().find(|(name, _)| name == "webhook-id").map(|(_, id)| id.clone());
        let mut id = id.unwrap_or_default();
        let mut body = String::from_utf8_lossy(&request.body).into_owned();
        let mut url = request.url.clone();
        match world.mutation {
            Some(Mutation::FreshIdEachAttempt) => id = format!("{id}-{number}"),
            Some(Mutation::BytesChangeOnRetry) => body = format!("{body}&again={number}"),
            Some(Mutation::WrongAccount) => url = url.replace("//a1-", "//a2-"),
            _ => {}
        }
        world.note(What::Sending { number, url, id, body });
        let (takes, outcome) = self.decide(&request.url);
        let outcome = if takes < timeout { outcome } else { broken(BrokenKind::TimeoutWaiting) };
        tokio::time::sleep(takes.min(timeout)).await;
        let is_success = matches!(&outcome, Outcome::Answered(answer) if (200..300).contains(&answer.status));
        world.note(What::HandlerEnded { number, is_success });
        outcome
    }
}

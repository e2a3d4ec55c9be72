//! `leadhook listen`: a receiver to try a webhook on.

use std::{
    collections::{HashMap, VecDeque},
    io,
    process::ExitCode,
    sync::atomic::{AtomicU32, Ordering},
};

use axum::http::StatusCode;
use leadhook_core::{time::Timestamp, webhook::SigningSecret};
use leadhook_runtime::clock::{Clock as _, SystemClock};

use super::{
    received::{Received, Signature, entries, lines},
    receiver::{Answer, Receiver},
    terminal::{Style, Terminal, shorten, tame},
};
use crate::serve::signal;

/// The most ids that are remembered to tell repeats by.
const REMEMBERED_MAX: usize = 10_000;
/// The most characters of a body that is not a form that are shown.
const BODY_CHARACTERS_MAX: usize = 4_000;

/// How the receiver answers, and what it checks.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The port on 127.0.0.1; 0 takes any that is free.
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// The status every request is answered with.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..=599))]
    status: u16,
    /// Answers this many requests with 503 first, to see how they are retried.
    #[arg(long, value_name = "N", default_value_t = 0)]
    fail_first: u32,
    /// A webhook's signing secret; give several while it is being changed.
    #[arg(long, value_name = "whsec_…", value_parser = read_secret)]
    secret: Vec<SigningSecret>,
}

fn read_secret(text: &str) -> Result<SigningSecret, String> {
    SigningSecret::parse(text).ok_or_else(|| {
        "a secret is `whsec_` and 24 to 64 bytes in base64, as the webhook's settings have it".to_owned()
    })
}

/// Prints what arrives until it is interrupted.
pub(crate) async fn run(options: Options, mut terminal: Terminal) -> anyhow::Result<ExitCode> {
    let mut receiver = Receiver::start(options.port, answers(options.status, options.fail_first)?).await?;
    let mut ended = signal::Signals::listen()?;
    terminal.line(format!("listening on http://{}", receiver.address))?;
    let note =
        "point a webhook here; the engine sends to this machine only with --allow-destination 127.0.0.0/8";
    terminal.line(terminal.paint(Style::Dim, note))?;
    let mut journal = Journal::new(options.secret);
    loop {
        tokio::select! {
            received = receiver.next() => journal.print(&received?, SystemClock.now(), &mut terminal)?,
            () = ended.next() => break,
        }
    }
    receiver.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// 503 for the first so many, then always `status`.
fn answers(status: u16, fail_first: u32) -> anyhow::Result<Answer> {
    let status = StatusCode::from_u16(status)?;
    let left = AtomicU32::new(fail_first);
    let fails =
        move || left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
    Ok(Box::new(move |_| if fails() { StatusCode::SERVICE_UNAVAILABLE } else { status }))
}

/// What has arrived so far, as far as repeats are told by it.
struct Journal {
    secrets: Vec<SigningSecret>,
    number: u64,
    first_seen: HashMap<String, u64>,
    order: VecDeque<String>,
}

impl Journal {
    fn new(secrets: Vec<SigningSecret>) -> Self {
        Self { secrets, number: 0, first_seen: HashMap::new(), order: VecDeque::new() }
    }

    /// The number of the request that had this id before, if one had.
    fn remember(&mut self, id: &str) -> Option<u64> {
        if id.is_empty() {
            return None;
        }
        if let Some(number) = self.first_seen.get(id) {
            return Some(*number);
        }
        if self.order.len() == REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.first_seen.remove(&oldest);
        }
        self.first_seen.insert(id.to_owned(), self.number);
        self.order.push_back(id.to_owned());
        None
    }

    fn print(&mut self, received: &Received, now: Timestamp, terminal: &mut Terminal) -> io::Result<()> {
        self.number += 1;
        let repeat_of = self.remember(received.webhook_id());
        let signature = received.signature(&self.secrets, now);
        let pairs = received.pairs();
        terminal.gap()?;
        let request = format!("{} {}", received.method, tame(&received.path));
        let at = now.to_rfc3339();
        terminal.line(format!(
            "{}  {}  {}",
            terminal.paint(Style::Bold, format!("#{} {request}", self.number)),
            terminal.paint(Style::Dim, at),
            answered(received.answered, terminal),
        ))?;
        let id = match received.webhook_id() {
            "" => terminal.paint(Style::Yellow, "no webhook-id"),
            id => terminal.paint(Style::Cyan, tame(id)),
        };
        terminal.line(format!("   {id}"))?;
        terminal.line(format!("   {}", marks(received, signature, repeat_of, terminal)))?;
        if received.is_form() {
            if let Some(subject) = subject(&pairs) {
                terminal.line(format!("   {subject}"))?;
            }
            for line in lines(&entries(&pairs)) {
                terminal.line(format!("     {line}"))?;
            }
            return Ok(());
        }
        let body = String::from_utf8_lossy(&received.body);
        for line in shorten(&body, BODY_CHARACTERS_MAX).lines() {
            terminal.line(format!("     {}", tame(line)))?;
        }
        Ok(())
    }
}

/// The status that was answered, green for a success.
pub(crate) fn answered(status: u16, terminal: &Terminal) -> String {
    let style = if (200..300).contains(&status) { Style::Green } else { Style::Red };
    terminal.paint(style, format!("answered {status}"))
}

/// What a signature is worth.
pub(crate) fn signature_in_words(signature: Signature, terminal: &Terminal) -> String {
    match signature {
        Signature::None => terminal.paint(Style::Dim, "signature none"),
        Signature::Unchecked => terminal.paint(Style::Dim, "signature not checked (give --secret)"),
        Signature::Valid => terminal.paint(Style::Green, "signature valid"),
        Signature::Old { seconds } => {
            terminal.paint(Style::Yellow, format!("signature valid, but its timestamp is {seconds} s off"))
        }
        Signature::Wrong => terminal.paint(Style::Red, "signature WRONG"),
    }
}

/// Signature, test, resend, repeat.
fn marks(received: &Received, signature: Signature, repeat_of: Option<u64>, terminal: &Terminal) -> String {
    let mut marks = vec![signature_in_words(signature, terminal)];
    if received.is_test() {
        marks.push(terminal.paint(Style::Yellow, "a test: make no lead of it"));
    }
    match received.header("webhook-resend-of") {
        "" => {}
        first => marks.push(terminal.paint(Style::Yellow, format!("resend of {}", tame(first)))),
    }
    if let Some(number) = repeat_of {
        marks.push(terminal.paint(Style::Yellow, format!("repeat of #{number}")));
    }
    marks.join(" · ")
}

/// Which lead it is about and what happened to it, as far as the parameters were left their names.
fn subject(pairs: &[(String, String)]) -> Option<String> {
    let value = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let id = value("id").or_else(|| value("requestId"));
    let parts: Vec<_> = [value("leadtype"), id, value("callphase")].into_iter().flatten().map(tame).collect();
    let changed = value("changedFields").filter(|names| !names.is_empty() && *names != "null");
    let changed = changed.map(|names| format!(", changed: {}", tame(names))).unwrap_or_default();
    (!parts.is_empty()).then(|| format!("{}{changed}", parts.join(" ")))
}

#[cfg(test)]
#[path = "listen_tests.rs"]
mod tests;

//! How the demonstration looks on the screen.

use std::io;

use leadhook_core::delivery::{Delivery, State};

use super::{
    checks::Check,
    script::{self, Role},
    stage::{Posted, Stage},
};
use crate::cli::{
    listen::{answered, signature_in_words},
    received::{Entry, Received, entries, lines},
    terminal::{Style, Terminal, count, pad, tame},
};

/// The most lines of one request's parameters that are shown.
const LINES_MAX: usize = 12;
/// The parameters that tell most, shown first where there are more than fit.
const TELLING: &[&str] = &[
    "leadtype",
    "callphase",
    "id",
    "requestId",
    "changedFields",
    "callerphone",
    "fio",
    "email",
    "calltime",
    "requestDate",
    "duration",
    "status",
    "manager",
    "tags_manual",
    "tags_request",
    "source",
    "medium",
    "utm_campaign",
    "comment",
];

/// A part's title.
pub(super) fn heading(title: &str, terminal: &mut Terminal) -> io::Result<()> {
    terminal.gap()?;
    terminal.line(terminal.paint(Style::Bold, format!("── {title}")))
}

/// What stands on the stage.
pub(super) fn scenery(stage: &Stage, terminal: &mut Terminal) -> io::Result<()> {
    let folder = stage.folder();
    terminal.line(format!(
        "   engine    on {}, removed at the end; its clock is moved by hand",
        folder.display()
    ))?;
    terminal.line(format!("   receiver  {}", stage.base_url()))?;
    terminal.line(format!("   site      {} of examples/site.json", script::SITE_ID))?;
    for role in Role::ALL {
        let name = terminal.paint(Style::Cyan, pad(role.name(), 12));
        terminal.line(format!("   webhook   {name}  {}  {}", pad(role.path(), 8), role.shows()))?;
    }
    Ok(())
}

/// That the webhooks are on, and why.
pub(super) fn probes(probes: &[Received], terminal: &mut Terminal) -> io::Result<()> {
    let count = probes.iter().filter(|probe| probe.is_test()).count();
    terminal.line(format!(
        "   {count} probes (webhook-test: true) were answered with success, so the webhooks are on"
    ))
}

/// What became of a file's events.
pub(super) fn posted(file: &str, events: &[Posted], terminal: &mut Terminal) -> io::Result<()> {
    terminal.line(format!("   {}", terminal.paint(Style::Dim, format!("examples/leads/{file}"))))?;
    for event in events {
        let accepted = terminal.paint(Style::Green, "accepted");
        let owed = match event.deliveries {
            0 => terminal.paint(Style::Dim, "nothing owed"),
            deliveries => format!("{} owed", count(deliveries, "delivery")),
        };
        terminal.line(format!(
            "     {}  {}  {accepted}  {owed}",
            pad(&event.kind, 18),
            pad(&event.lead, 18)
        ))?;
    }
    Ok(())
}

/// `The demo's clock is moved 5 minutes: …`.
pub(super) fn clock_moved(milliseconds: i64, is_retry: bool) -> String {
    let seconds = usize::try_from(milliseconds.max(0) / 1000).unwrap_or(usize::MAX);
    let span = match (seconds / 60, seconds % 60) {
        (0, seconds) => count(seconds, "second"),
        (minutes, 0) => count(minutes, "minute"),
        (minutes, seconds) => format!("{} and {}", count(minutes, "minute"), count(seconds, "second")),
    };
    let follows = if is_retry { "what failed is tried again" } else { "what was delayed falls due" };
    format!("The demo's clock is moved {span}: {follows}")
}

/// A received webhook, decoded.
pub(super) fn received(request: &Received, stage: &Stage, terminal: &mut Terminal) -> io::Result<()> {
    let role = Role::ALL.into_iter().find(|role| role.path() == request.path);
    let name = role.map_or("?", Role::name);
    terminal.line(format!(
        "   {} {}  {}  {}",
        terminal.paint(Style::Bold, format!("{} {}", request.method, tame(&request.path))),
        terminal.paint(Style::Cyan, format!("({name})")),
        answered(request.answered, terminal),
        signature_in_words(request.signature(&stage.secrets, stage.now()), terminal),
    ))?;
    terminal.line(format!("     {}", terminal.paint(Style::Dim, tame(request.webhook_id()))))?;
    if let Some(json) = request.json() {
        for line in format!("{json:#}").lines() {
            terminal.line(format!("     {}", tame(line)))?;
        }
        return Ok(());
    }
    let entries = entries(&request.pairs());
    let all = entries.len();
    let chosen = choose(entries);
    for line in lines(&chosen) {
        terminal.line(format!("     {line}"))?;
    }
    if all > chosen.len() {
        let more = format!("… {} more", all - chosen.len());
        terminal.line(format!("     {}", terminal.paint(Style::Dim, more)))?;
    }
    Ok(())
}

/// A delivery that is not sent, and why.
pub(super) fn held_back(delivery: &Delivery, stage: &Stage, terminal: &mut Terminal) -> io::Result<()> {
    let role = stage.role(delivery.id.lane.webhook);
    terminal.line(format!(
        "   {} {}  {}",
        terminal.paint(Style::Bold, format!("nothing to {}", role.map_or("?", Role::path))),
        terminal.paint(Style::Cyan, format!("({})", role.map_or("?", Role::name))),
        terminal.paint(Style::Yellow, "held back"),
    ))?;
    let lead = format!("{} {}", delivery.lead.kind, delivery.lead.id);
    terminal.line(format!("     {}: {}", tame(&lead), tame(delivery.state.reason().unwrap_or_default())))
}

/// As many of the most telling parameters as fit, in the order in which they were sent.
fn choose(entries: Vec<Entry>) -> Vec<Entry> {
    if lines(&entries).len() <= LINES_MAX {
        return entries;
    }
    let rank = |entry: &Entry| TELLING.iter().position(|name| *name == entry.name());
    let mut ranked: Vec<_> = entries.iter().filter_map(rank).collect();
    ranked.sort_unstable();
    let mut room = LINES_MAX;
    let mut chosen = Vec::new();
    for wanted in ranked {
        let Some(entry) = entries.iter().find(|entry| rank(entry) == Some(wanted)) else { continue };
        let height = lines(std::slice::from_ref(entry)).len();
        if height <= room {
            room -= height;
            chosen.push(wanted);
        }
    }
    let is_chosen = |entry: &Entry| rank(entry).is_some_and(|rank| chosen.contains(&rank));
    entries.into_iter().filter(is_chosen).collect()
}

/// Every delivery with its end.
pub(super) fn table(deliveries: &[Delivery], stage: &Stage, terminal: &mut Terminal) -> io::Result<()> {
    let head = row("lead", "what happened", "webhook", "state", "attempts, and why");
    terminal.line(format!("   {}", terminal.paint(Style::Dim, head)))?;
    for delivery in deliveries {
        let lead = format!("{} {}", delivery.lead.kind, delivery.lead.id);
        let name = stage.role(delivery.id.lane.webhook).map_or("?", Role::name);
        let state = delivery.state.name().word();
        let line = row(&lead, delivery.trigger.word(), name, state, &why(delivery));
        let style = match delivery.state {
            State::Delivered { .. } if delivery.attempts.len() == 1 => Style::Green,
            State::Delivered { .. } | State::Skipped { .. } => Style::Yellow,
            _ => Style::Red,
        };
        terminal.line(format!("   {}", terminal.paint(style, tame(&line))))?;
    }
    Ok(())
}

fn row(lead: &str, trigger: &str, webhook: &str, state: &str, why: &str) -> String {
    format!("{}  {}  {}  {}  {why}", pad(lead, 18), pad(trigger, 17), pad(webhook, 12), pad(state, 9))
}

fn why(delivery: &Delivery) -> String {
    let attempts: Vec<_> = delivery.attempts.iter().map(|attempt| attempt.outcome.summary()).collect();
    let waited_ms =
        delivery.attempts.first().map_or(0, |first| first.started_at.0 - delivery.id.serial.time().0);
    let mut why = attempts.join(", then ");
    if waited_ms >= 60_000 {
        why = format!(
            "{why}, {} after it was owed",
            count(usize::try_from(waited_ms / 60_000).unwrap_or(0), "minute")
        );
    }
    let plugins: Vec<_> = delivery.runs.iter().map(|run| run.plugin.as_str()).collect();
    if !plugins.is_empty() {
        why = format!("{why}; through {}", plugins.join(", "));
    }
    match (delivery.state.reason(), why.is_empty()) {
        (Some(reason), true) => reason.to_owned(),
        (Some(reason), false) => format!("{why}; {reason}"),
        (None, _) => why,
    }
}

/// The checks, each with what did not hold.
pub(super) fn checks(checks: &[Check], terminal: &mut Terminal) -> io::Result<()> {
    for check in checks {
        match &check.fault {
            None => terminal.line(format!("   {} {}", terminal.paint(Style::Green, "✓"), check.says))?,
            Some(fault) => {
                terminal.line(format!("   {} {}", terminal.paint(Style::Red, "✗"), check.says))?;
                terminal.line(format!("     {}", tame(fault)))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str) -> Entry {
        Entry::One { name: name.to_owned(), value: "1".to_owned() }
    }

    #[test]
    fn few_parameters_are_all_shown_and_of_many_the_telling_ones_in_their_order() {
        let few: Vec<_> = (0..LINES_MAX).map(|number| one(&format!("p{number}"))).collect();
        assert_eq!(choose(few.clone()), few);
        let mut many: Vec<_> = (0..30).map(|number| one(&format!("p{number}"))).collect();
        many.insert(20, one("leadtype"));
        many.insert(3, one("medium"));
        assert_eq!(choose(many), [one("medium"), one("leadtype")]);
    }

    #[test]
    fn the_clock_says_how_far_it_was_moved() {
        assert_eq!(
            clock_moved(300_000, false),
            "The demo's clock is moved 5 minutes: what was delayed falls due"
        );
        assert!(clock_moved(5_400, true).starts_with("The demo's clock is moved 5 seconds: what failed"));
        assert!(clock_moved(61_000, false).contains("1 minute and 1 second:"));
    }
}

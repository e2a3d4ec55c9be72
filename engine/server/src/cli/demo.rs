//! `leadhook demo`: the whole job on sample leads, in one process and within seconds.

mod checks;
mod script;
mod show;
mod stage;

use std::{collections::BTreeSet, process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use leadhook_core::{delivery::State, id::DeliveryId};

use self::{checks::Check, stage::Stage};
use super::{
    received::Received,
    terminal::{Style, Terminal},
};
use crate::serve::signal::Signals;

/// Longer than the demonstration can take while all is well; then it is ended, and says so.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Plays it; fails when anything went otherwise than it should.
pub(crate) async fn run(mut terminal: Terminal) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen().context("the system's signals cannot be taken")?;
    let mut stage = Stage::set().await?;
    let played = tokio::select! {
        played = tokio::time::timeout(WATCHDOG, play(&mut stage, &mut terminal)) => {
            played.unwrap_or_else(|_| bail!("the demonstration did not end within {} s", WATCHDOG.as_secs()))
        }
        () = signals.next() => Err(anyhow::anyhow!("interrupted")),
    };
    // Whatever happened, nothing is left behind.
    let cleared = stage.clear().await;
    let mut checks = played?;
    checks.push(cleared);
    show::heading("Did everything go as it should?", &mut terminal)?;
    show::checks(&checks, &mut terminal)?;
    let failed = checks.iter().filter(|check| check.fault.is_some()).count();
    terminal.gap()?;
    if failed > 0 {
        terminal.line(terminal.paint(Style::Red, format!("{failed} of {} did not hold", checks.len())))?;
        return Ok(ExitCode::FAILURE);
    }
    terminal.line(terminal.paint(Style::Green, "Everything went as it should."))?;
    Ok(ExitCode::SUCCESS)
}

async fn play(stage: &mut Stage, terminal: &mut Terminal) -> anyhow::Result<Vec<Check>> {
    let title = "leadhook: from events about leads to webhooks, on sample leads";
    terminal.line(terminal.paint(Style::Bold, title))?;
    show::heading("An engine, a receiver, a site and its webhooks", terminal)?;
    show::scenery(stage, terminal)?;
    stage.activate().await?;
    let probes = stage.collect();
    show::probes(&probes, terminal)?;

    let (mut received, mut told) = (Vec::new(), BTreeSet::new());
    for act in script::ACTS {
        show::heading(act.title, terminal)?;
        for (file, text) in act.leads {
            let posted = stage.post(file, text).await?;
            show::posted(file, &posted, terminal)?;
        }
        show::heading("What goes out at once", terminal)?;
        received.extend(deliver(stage, &mut told, terminal).await?);
    }

    show::heading("What became of everything", terminal)?;
    let deliveries = stage.deliveries().await?;
    show::table(&deliveries, stage, terminal)?;
    Ok(checks::all(&checks::Evidence {
        deliveries: &deliveries,
        received: &received,
        probes: &probes,
        stage,
    }))
}

/// Lets everything go out, and moves the clock until nothing waits any more. What is held back is told once.
async fn deliver(
    stage: &mut Stage,
    told: &mut BTreeSet<DeliveryId>,
    terminal: &mut Terminal,
) -> anyhow::Result<Vec<Received>> {
    let mut received = Vec::new();
    loop {
        stage.come_to_rest().await?;
        let arrived = stage.collect();
        for request in &arrived {
            show::received(request, stage, terminal)?;
        }
        received.extend(arrived);
        let deliveries = stage.deliveries().await?;
        for delivery in deliveries.iter().filter(|delivery| matches!(delivery.state, State::Skipped { .. })) {
            if told.insert(delivery.id) {
                show::held_back(delivery, stage, terminal)?;
            }
        }
        let waiting = deliveries.iter().filter_map(|delivery| Some((delivery.state.due()?, &delivery.state)));
        let Some((due, state)) = waiting.min_by_key(|(due, _)| *due) else { return Ok(received) };
        let moved_ms = stage.move_clock_to(due);
        let is_retry = matches!(state, State::Retrying { .. });
        show::heading(&show::clock_moved(moved_ms, is_retry), terminal)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn everything_goes_as_it_should() {
        let paper = super::super::terminal::Paper::default();
        let ended = run(Terminal::plain(paper.clone())).await;
        let printed = paper.text();
        assert_eq!(ended.unwrap(), ExitCode::SUCCESS, "{printed}");
        for part in [
            "clock is moved 5 minutes",
            "clock is moved 5 seconds",
            "Ёлкина Мария Сергеевна",
            "changedFields",
            "skipped",
        ] {
            assert!(printed.contains(part), "`{part}` is missing in\n{printed}");
        }
        assert!(!printed.contains('✗'), "{printed}");
    }
}

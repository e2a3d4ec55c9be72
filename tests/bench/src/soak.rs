//! A long run at a steady pace: whether memory, the data folder and the oldest waiting delivery stay where they are.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::{
    connection::Connection,
    ledger::Ledger,
    load::{Load, Pace},
    phase::Phase,
    process::Process,
    receiver::Receiver,
    report, server,
};

const SITE: &str = "soak";
/// How often the engine is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How many times what is compared may grow: memory from the second quarter to the last, the file by each delivery.
const GROWTH_MAX: f64 = 1.25;
/// How long a delivery may have been due that has waited longest, in seconds. Retries wait for their time, not for this.
const OLDEST_DUE_SECONDS_MAX: f64 = 10.0;

/// How the engine is soaked.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long, in minutes, 1 or more.
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// Events a second.
    #[arg(long, default_value_t = 300)]
    per_second: u32,
    /// The handler refuses the first attempt for every so manieth lead with 503, so that there are retries.
    #[arg(long, default_value_t = 20)]
    refuse_every: usize,
    /// How many connections post.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// A plugin that each request passes.
    #[arg(long, default_value = "phone-e164")]
    plugin: String,
    /// The binary to measure; the one beside this program unless given.
    #[arg(long)]
    leadhook: Option<std::path::PathBuf>,
    /// Where the data folder is made; the system's temporary folder unless given.
    #[arg(long)]
    folder: Option<std::path::PathBuf>,
}

/// The engine at one moment.
struct Look {
    memory_bytes: u64,
    file_bytes: f64,
    oldest_due_seconds: f64,
    arrived: usize,
    processor: Duration,
}

/// Soaks and tells. The exit code says whether all stayed flat and nothing was lost or doubled.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    ensure!(options.minutes > 0 && options.per_second > 0, "--minutes and --per-second: at least 1");
    ensure!(options.connections > 0 && options.refuse_every > 0, "--connections, --refuse-every: at least 1");
    let parent = options.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::tempdir_in(&parent)
        .with_context(|| format!("no folder can be made in {}", parent.display()))?;
    let binary = options.leadhook.clone().map_or_else(|| server::beside("leadhook"), Ok)?;
    let events = options.minutes as usize * 60 * options.per_second as usize;
    let ledger = Arc::new(Ledger::new(events));
    let receiver = Receiver::refusing(Arc::clone(&ledger), options.refuse_every).await?;
    let process = server::start_leadhook(&binary.canonicalize()?, folder.path())?;
    server::subscribe(process.address(), receiver.address(), SITE, 64, Some(&options.plugin)).await?;
    let load = Load {
        address: process.address(),
        site: SITE.to_owned(),
        key: Some(server::KEY),
        connections: options.connections,
    };
    let posting = {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move { load.run(&ledger, 0..events, Pace::PerSecond(options.per_second)).await })
    };
    let looks = watch(&process, &ledger, || posting.is_finished()).await?;
    let put_off = posting.await.context("posting broke off")??;
    ledger.wait_for(events).await;
    let phase = Phase::of(ledger.tracks(0..events));
    println!(
        "\n{events} events, {} refused at first, put off {put_off} times; POST→202 p99 {:.1} ms, 202→arrival p99 {:.1} ms; \
         lost {}, doubled {}",
        receiver.refused(),
        phase.answer.p99_ms,
        phase.arrival.p99_ms,
        phase.lost,
        ledger.doubled()
    );
    let mut complaints = complaints(&looks)?;
    if phase.lost + ledger.doubled() > 0 {
        complaints.push("something was lost or doubled".to_owned());
    }
    complaints.iter().for_each(|complaint| println!("NOT FLAT: {complaint}"));
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Looks at the engine until the load has ended, and prints a line each minute.
async fn watch(process: &Process, ledger: &Ledger, is_over: impl Fn() -> bool) -> Result<Vec<Look>> {
    println!(
        "{:>7} {:>9} {:>11} {:>10} {:>11} {:>13}",
        "seconds", "arrived", "memory MiB", "file MiB", "oldest s", "CPU µs each"
    );
    let began = Instant::now();
    let mut ticks = interval_at(began + LOOK_EVERY, LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut connection = Connection::open(process.address(), Some(server::KEY)).await?;
    let mut looks: Vec<Look> = Vec::new();
    while !is_over() {
        ticks.tick().await;
        let look = look(process, ledger, &mut connection).await?;
        let before = looks.last().map_or((0, Duration::ZERO), |last| (last.arrived, last.processor));
        let each = (look.processor.saturating_sub(before.1)).as_secs_f64() * 1e6
            / look.arrived.saturating_sub(before.0).max(1) as f64;
        println!(
            "{:>7.0} {:>9} {:>11.0} {:>10.0} {:>11.1} {:>13.0}",
            began.elapsed().as_secs_f64(),
            look.arrived,
            report::mebibytes(look.memory_bytes),
            look.file_bytes / f64::from(1 << 20),
            look.oldest_due_seconds,
            each
        );
        looks.push(look);
    }
    Ok(looks)
}

/// Looks once, and reads a page of deliveries as somebody at a console would.
async fn look(process: &Process, ledger: &Ledger, connection: &mut Connection) -> Result<Look> {
    let (status, _) = connection.send("GET", "/v1/deliveries?limit=50", Bytes::new()).await?;
    ensure!(status == 200, "the deliveries were answered {status}");
    let (status, metrics) = connection.send("GET", "/metrics", Bytes::new()).await?;
    ensure!(status == 200, "the metrics were answered {status}");
    let metrics = String::from_utf8_lossy(&metrics);
    Ok(Look {
        memory_bytes: process.memory_bytes()?,
        file_bytes: metric(&metrics, "leadhook_store_bytes")?,
        oldest_due_seconds: metric(&metrics, "leadhook_oldest_due_seconds")?,
        arrived: ledger.arrived(),
        processor: process.processor_time()?,
    })
}

/// The value of a metric without labels, in Prometheus' text.
fn metric(text: &str, name: &str) -> Result<f64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = value.with_context(|| format!("there is no metric {name}"))?;
    value.trim().parse().with_context(|| format!("{name} is {value}, which is no number"))
}

/// What did not stay flat.
fn complaints(looks: &[Look]) -> Result<Vec<String>> {
    let quarter = looks.len() / 4;
    ensure!(quarter > 0, "the run was too short to say anything");
    let mean = |looks: &[Look], of: fn(&Look) -> f64| looks.iter().map(of).sum::<f64>() / looks.len() as f64;
    let memory = |looks| mean(looks, |look| look.memory_bytes as f64);
    let (second, last) = (&looks[quarter..2 * quarter], &looks[looks.len() - quarter..]);
    let mut complaints = Vec::new();
    let grown = memory(last) / memory(second);
    println!("memory, last quarter to second: {grown:.2}");
    if grown > GROWTH_MAX {
        complaints.push(format!("memory grew {grown:.2} times from the second quarter to the last"));
    }
    let each = |look: &Look| look.file_bytes / look.arrived.max(1) as f64;
    let (half, end) = (each(&looks[looks.len() / 2]), each(&looks[looks.len() - 1]));
    println!("file bytes for each delivery: {half:.0} at half time, {end:.0} at the end");
    if end > GROWTH_MAX * half {
        complaints.push(format!("a delivery took {end:.0} bytes of file at the end, {half:.0} at half time"));
    }
    let oldest = looks.iter().map(|look| look.oldest_due_seconds).fold(0.0, f64::max);
    println!("the longest that a delivery was due: {oldest:.1} s");
    if oldest > OLDEST_DUE_SECONDS_MAX {
        complaints.push(format!("a delivery was due for {oldest:.1} s"));
    }
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(memory_mib: u64, arrived: usize, file_bytes: f64, oldest_due_seconds: f64) -> Look {
        Look {
            memory_bytes: memory_mib << 20,
            file_bytes,
            oldest_due_seconds,
            arrived,
            processor: Duration::ZERO,
        }
    }

    #[test]
    fn what_grows_or_waits_is_told() {
        let flat: Vec<Look> = (1..=8).map(|n| look(100, n * 10, n as f64 * 1e4, 0.1)).collect();
        assert_eq!(complaints(&flat).unwrap(), [""; 0]);
        let leaking: Vec<Look> = (1..=8).map(|n| look(n as u64 * 100, n * 10, n as f64 * 1e4, 0.1)).collect();
        assert!(complaints(&leaking).unwrap()[0].starts_with("memory grew"));
        let swelling: Vec<Look> = (1..=8).map(|n| look(100, n * 10, (n * n) as f64 * 1e4, 0.1)).collect();
        assert!(complaints(&swelling).unwrap()[0].starts_with("a delivery took"));
        let waiting: Vec<Look> = (1..=8).map(|n| look(100, n * 10, n as f64 * 1e4, 11.0)).collect();
        assert_eq!(complaints(&waiting).unwrap(), ["a delivery was due for 11.0 s"]);
        assert!(complaints(&flat[..3]).is_err());
    }

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let text = "# HELP a b\na_total 3\na 1.5\n";
        assert!((metric(text, "a").unwrap() - 1.5).abs() < 1e-9);
        assert!(metric(text, "b").is_err());
    }
}

//! One run: a server is started, put under load, and measured until all that it acknowledged has arrived.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use leadhook_core::settings::CONCURRENT_MAX;
use serde::Serialize;

use crate::{
    ledger::Ledger,
    load::{Load, Pace},
    phase::Phase,
    process::{self, Process},
    receiver::Receiver,
    server::{self, Kind},
};

/// What a run is made with.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Settings {
    /// How many connections post at one time.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How many connections to the receiver there are, for the relay and for leadhook alike.
    #[arg(long, default_value_t = 64)]
    upstreams: usize,
    /// The binary to measure; the one beside this program unless given.
    #[arg(long)]
    leadhook: Option<PathBuf>,
    /// Where folders for the state are made, to measure a certain disk; the system's temporary folder unless given.
    #[arg(long)]
    pub(crate) folder: Option<PathBuf>,
    /// Says how to watch the server with `perf` while it runs.
    #[arg(long)]
    profile: bool,
}

/// A phase at a fixed pace below saturation.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Paced {
    /// Events a second in the second phase.
    #[arg(long, default_value_t = 500)]
    paced_per_second: u32,
    /// How long the second phase is, in seconds; 0 leaves it out.
    #[arg(long, default_value_t = 10)]
    paced_seconds: u32,
}

impl Paced {
    /// No second phase.
    pub(crate) const NONE: Self = Self { paced_per_second: 0, paced_seconds: 0 };

    fn events(self) -> usize {
        self.paced_per_second as usize * self.paced_seconds as usize
    }
}

/// A run, measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Run {
    /// Which server.
    pub(crate) server: Kind,
    /// As fast as events are acknowledged.
    pub(crate) saturated: Phase,
    /// At a fixed pace, if there was such a phase.
    pub(crate) paced: Option<Phase>,
    /// How often the server answered 429 or 503.
    pub(crate) put_off: usize,
    /// Requests that brought a lead again.
    pub(crate) doubled: usize,
    /// Requests about no lead of the run.
    pub(crate) unknown: usize,
    /// The mean size of a body at the receiver.
    pub(crate) body_bytes_mean: u64,
    /// From the server's start until it was ready.
    pub(crate) ready_ms: f64,
    /// Its resident memory when it was ready.
    pub(crate) memory_ready_bytes: u64,
    /// The most resident memory it had.
    pub(crate) memory_peak_bytes: u64,
    /// Its processor time for one event of the saturated phase.
    pub(crate) processor_us: f64,
    /// The processor time of load and receiver for one event of the saturated phase.
    pub(crate) load_processor_us: f64,
    /// The size of its data folder at the end; none where there is no such folder.
    pub(crate) data_bytes: Option<u64>,
}

impl Run {
    /// How many acknowledged events never arrived.
    pub(crate) fn lost(&self) -> usize {
        self.saturated.lost + self.paced.as_ref().map_or(0, |paced| paced.lost)
    }
}

/// What a server is loaded with.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// How many events are posted as fast as they are acknowledged.
    pub(crate) events: usize,
    /// The second phase.
    pub(crate) paced: Paced,
    /// The site of the leads; one for each run on the same folder, since leads are known by site and id.
    pub(crate) site: String,
    /// The plugin that each request passes, if it passes one.
    pub(crate) plugin: Option<String>,
}

impl Settings {
    /// Refuses what cannot be run.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(self.connections > 0, "--connections: at least one is needed");
        let most = CONCURRENT_MAX as usize;
        ensure!((1..=most).contains(&self.upstreams), "--upstreams: a webhook may have 1 to {most}");
        Ok(())
    }

    /// A fresh folder, deleted when dropped.
    pub(crate) fn fresh_folder(&self) -> Result<tempfile::TempDir> {
        let parent = self.folder.clone().unwrap_or_else(std::env::temp_dir);
        tempfile::tempdir_in(&parent)
            .with_context(|| format!("no folder can be made in {}", parent.display()))
    }

    /// Starts a server on this folder, loads it, measures it, and ends it.
    pub(crate) async fn run(&self, kind: Kind, folder: &Path, work: &Work) -> Result<Run> {
        let Work { events, paced, ref site, ref plugin } = *work;
        let all = events + paced.events();
        let ledger = Arc::new(Ledger::new(all));
        let receiver = Receiver::start(Arc::clone(&ledger)).await?;
        let process = self.start(kind, folder, &receiver)?;
        let memory_ready_bytes = process.memory_bytes()?;
        if kind == Kind::Leadhook {
            let (engine, receiver) = (process.address(), receiver.address());
            server::subscribe(engine, receiver, site, self.upstreams, plugin.as_deref()).await?;
        }
        let key = (kind == Kind::Leadhook).then_some(server::KEY);
        let load =
            Load { address: process.address(), site: site.clone(), key, connections: self.connections };
        let before = (process.processor_time()?, process::own_processor_time()?);
        let post = async |leads: std::ops::Range<usize>, pace| {
            let end = leads.end;
            let put_off = load.run(&ledger, leads, pace).await;
            let put_off =
                put_off.with_context(|| format!("{} is overrun\n{}", kind.name(), process.log_tail()))?;
            ledger.wait_for(end).await;
            anyhow::Ok(put_off)
        };
        let mut put_off = post(0..events, Pace::Saturating).await?;
        let after = (process.processor_time()?, process::own_processor_time()?);
        if paced.events() > 0 {
            put_off += post(events..all, Pace::PerSecond(paced.paced_per_second)).await?;
        }
        let each = |spent: Duration| spent.as_secs_f64() * 1e6 / events as f64;
        let data = folder.join("data");
        Ok(Run {
            server: kind,
            saturated: Phase::of(ledger.tracks(0..events)),
            paced: (paced.events() > 0).then(|| Phase::of(ledger.tracks(events..all))),
            put_off,
            doubled: ledger.doubled(),
            unknown: ledger.unknown(),
            body_bytes_mean: ledger.body_bytes_mean(),
            ready_ms: process.ready_after().as_secs_f64() * 1_000.0,
            memory_ready_bytes,
            memory_peak_bytes: process.memory_peak_bytes()?,
            processor_us: each(after.0.saturating_sub(before.0)),
            load_processor_us: each(after.1.saturating_sub(before.1)),
            data_bytes: if data.exists() { Some(server::folder_bytes(&data)?) } else { None },
        })
    }

    fn start(&self, kind: Kind, folder: &Path, receiver: &Receiver) -> Result<Process> {
        let process = match kind {
            Kind::Relay => server::start_relay(folder, receiver.address(), self.upstreams)?,
            Kind::Leadhook => server::start_leadhook(&self.leadhook()?, folder)?,
        };
        if self.profile {
            println!(
                "{} is process {}; in another terminal: perf record -g -p {} -- sleep 5 && perf report",
                kind.name(),
                process.id(),
                process.id()
            );
        }
        Ok(process)
    }

    /// The binary to measure.
    pub(crate) fn leadhook(&self) -> Result<PathBuf> {
        match &self.leadhook {
            Some(given) => given.canonicalize().with_context(|| format!("{} is not there", given.display())),
            None => server::beside("leadhook"),
        }
    }
}

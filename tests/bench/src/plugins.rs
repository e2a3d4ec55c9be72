//! What one call of a plugin costs: the sandbox beside wasmtime alone, scripts beside native rhai, and all that come
//! with the engine.

mod raw;
mod scripts;
mod turns;

use std::{fs, io::Read as _, path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, anyhow, ensure};
use leadhook_sandbox::{Call, Draft, Limits, NoState, Plugin};
use leadhook_testkit::{Fixture, Given, Kit, Sample};
use lzma_rust2::XzReader;

use crate::leads::Leads;
use raw::Raw;
use turns::{Turn, Turns};

/// A call through the sandbox may take so many times what wasmtime alone takes.
const BAR_OF_RAW: f64 = 1.25;
/// A script in the sandbox may take so many times what native rhai takes.
const BAR_OF_NATIVE: f64 = 4.0;
/// The plugins that are measured beside wasmtime alone: one that rewrites, and one that filters.
const BESIDE_RAW: [&str; 2] = ["json-body", "dedupe"];

/// What is measured, and how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each comparison takes, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

/// Limits of which a busy machine meets none.
pub(crate) const LIMITS: Limits = Limits { deadline_ms: Limits::MAX.deadline_ms, ..Limits::DEFAULT };

/// Measures and tells. The exit code says whether the bars were reached.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    ensure!(options.seconds > 0, "--seconds: at least one is needed");
    let time = Duration::from_secs(options.seconds);
    let kit = Kit::new()?.runner(leadhook_bundled::RHAI_RUNNER)?;
    let lead = full_lead()?;
    let mut met = true;
    println!("A call for a full lead, µs (median), and times what stands left of it (bar {BAR_OF_RAW})\n");
    println!(
        "{:<24} {:>10} {:>16} {:>10} {:>7} {:>16}",
        "", "wasmtime", "with its limits", "sandbox", "ratio", "without limits"
    );
    for name in BESIDE_RAW {
        met &= beside_raw(&kit, &lead, name, time)?;
    }
    println!("\nThe same script, µs (median), and times what native rhai takes (bar {BAR_OF_NATIVE})\n");
    met &= scripts::run(&kit, &lead, time)?;
    println!("\nEach bundled plugin on a full lead, in a fresh instance\n");
    println!("{:<24} {:>10} {:>10} {:>10}", "", "µs", "fuel", "KiB");
    for bundled in leadhook_bundled::all() {
        let sample = sample_of(bundled.name, &lead)?;
        alone(bundled.name, &kit.load(bundled.wasm)?, &sample, time)?;
    }
    golden(&kit, &lead, time)?;
    if !met {
        println!("\nwarning: a bar is missed");
    }
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A call with a value for nearly every parameter, and the request that a webhook makes of it.
fn full_lead() -> Result<Sample> {
    let event = serde_json::from_slice(&Leads::new("60001").body(0))?;
    Ok(Sample::of_events(&[event], None, None)?)
}

/// The lead with the configuration of one of the plugin's fixtures, the first that rewrites or filters.
fn sample_of(name: &str, lead: &Sample) -> Result<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(name).join("fixtures");
    let entries = fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut folders: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    for path in folders {
        let Fixture { sample, expected, .. } = Fixture::read(&path)?;
        let sends = expected.is_some_and(|expected| expected.get("send").is_some());
        if sends && matches!(sample.given, Given::Request(_)) {
            return Ok(Sample { delivery: lead.delivery.clone(), given: lead.given.clone(), ..sample });
        }
    }
    Err(anyhow!("{} has no fixture that sends", folder.display()))
}

/// The request that a sample is given.
pub(crate) fn draft(sample: &Sample) -> Result<&Draft> {
    match &sample.given {
        Given::Request(draft) => Ok(draft),
        Given::Response(_) => Err(anyhow!("the sample has an answer to judge and no request")),
    }
}

/// What the engine gives a plugin with this sample.
pub(crate) fn call(sample: &Sample) -> Call<'_> {
    Call {
        delivery: &sample.delivery,
        config: sample.config.to_string().into(),
        secrets: Arc::new(sample.secrets.clone()),
        kv: Arc::new(NoState),
        now_ms: sample.now_ms,
        seed: 7,
        limits: LIMITS,
        keep: None,
    }
}

/// One plugin through the sandbox and through wasmtime alone, in turns; whether the bar is reached.
fn beside_raw(kit: &Kit, lead: &Sample, name: &str, time: Duration) -> Result<bool> {
    let bundled = leadhook_bundled::all().iter().find(|plugin| plugin.name == name);
    let wasm = bundled.with_context(|| format!("there is no bundled plugin {name}"))?.wasm;
    let sample = sample_of(name, lead)?;
    let (plugin, call, draft) = (kit.load(wasm)?, call(&sample), draft(&sample)?);
    let (without, with) = (Raw::new(wasm, &sample, false)?, Raw::new(wasm, &sample, true)?);
    let step = if plugin.exports().transform { "transform" } else { "filter" };
    let in_sandbox = || match plugin.exports().transform {
        true => plugin.transform(&call, draft).result.map(drop).map_err(|record| anyhow!("{record}")),
        false => plugin.filter(&call).result.map(drop).map_err(|record| anyhow!("{record}")),
    };
    let turns = Turns::take(
        &mut [
            Turn::of(|| without.call(&sample.delivery, draft)),
            Turn::of(|| with.call(&sample.delivery, draft)),
            Turn::of(in_sandbox),
        ],
        time,
    )?;
    let ratio = turns.ratio(2, 1);
    println!(
        "{:<24} {:>10.1} {:>16.1} {:>10.1} {:>7.2} {:>16.2}",
        format!("{name} ({step})"),
        turns.median_us(0),
        turns.median_us(1),
        turns.median_us(2),
        ratio,
        turns.ratio(2, 0),
    );
    Ok(ratio <= BAR_OF_RAW)
}

/// One plugin in a fresh instance for each call.
fn alone(name: &str, plugin: &Plugin, sample: &Sample, time: Duration) -> Result<()> {
    let (call, draft) = (call(sample), draft(sample)?);
    let once = || match plugin.exports().transform {
        true => plugin.transform(&call, draft).result.map(drop).map_err(|record| anyhow!("{name}: {record}")),
        false => plugin.filter(&call).result.map(drop).map_err(|record| anyhow!("{name}: {record}")),
    };
    let turns = Turns::take(&mut [Turn::of(once)], time / 5)?;
    let usage = match plugin.exports().transform {
        true => plugin.transform(&call, draft).usage,
        false => plugin.filter(&call).usage,
    };
    let kib = usage.memory_bytes_peak >> 10;
    println!("{name:<24} {:>10.1} {:>10} {kib:>10}", turns.median_us(0), usage.fuel);
    Ok(())
}

/// The same plugin in each language, as the tests keep it built.
fn golden(kit: &Kit, lead: &Sample, time: Duration) -> Result<()> {
    println!("\nThe same plugin in each language\n");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/golden");
    let fixture = Fixture::read(&folder.join("common/form"))?.sample;
    let sample = Sample { delivery: lead.delivery.clone(), given: lead.given.clone(), ..fixture };
    for language in ["rust", "js", "python"] {
        let file = folder.join(format!("{language}.wasm.xz"));
        let packed = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let mut wasm = Vec::new();
        XzReader::new(packed.as_slice(), false).read_to_end(&mut wasm)?;
        alone(language, &kit.load(&wasm)?, &sample, time)?;
    }
    Ok(())
}

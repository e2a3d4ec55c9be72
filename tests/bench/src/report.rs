//! What was measured, for people to read.

use crate::{
    phase::{Phase, Spread},
    run::Run,
};

/// The head of a table of runs.
pub(crate) fn head() {
    println!(
        "{:<20} {:>10} {:>11} {:>15} {:>17} {:>8} {:>8} {:>8} {:>6} {:>7}",
        "",
        "accepted/s",
        "delivered/s",
        "POST→202 ms",
        "202→arrival ms",
        "CPU µs",
        "load µs",
        "peak",
        "lost",
        "doubled"
    );
    println!(
        "{:<20} {:>10} {:>11} {:>15} {:>17} {:>8} {:>8} {:>8} {:>6} {:>7}",
        "", "", "", "p50 / p99", "p50 / p99", "each", "each", "MiB", "", ""
    );
}

/// One run: a line for each phase.
pub(crate) fn run(name: &str, run: &Run) {
    let figures = format!(
        "{:>8.0} {:>8.0} {:>8.0} {:>6} {:>7}",
        run.processor_us,
        run.load_processor_us,
        mebibytes(run.memory_peak_bytes),
        run.lost(),
        run.doubled
    );
    println!("{:<20} {} {figures}", name, phase(&run.saturated));
    if let Some(paced) = &run.paced {
        println!("{:<20} {}", "  paced", phase(paced));
    }
    if run.put_off > 0 {
        println!("{:<20} told to come back later {} times", "", run.put_off);
    }
    if run.unknown > 0 {
        println!("{:<20} {} requests about no lead of the run", "", run.unknown);
    }
}

fn phase(phase: &Phase) -> String {
    format!(
        "{:>10.0} {:>11.0} {:>15} {:>17}",
        phase.accepted_per_second,
        phase.delivered_per_second,
        spread(phase.answer),
        spread(phase.arrival)
    )
}

fn spread(spread: Spread) -> String {
    format!("{:.1} / {:.1}", spread.p50_ms, spread.p99_ms)
}

/// Bytes in MiB.
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// A number with its thousands apart.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let shown = [0, 999, 1_000, 1_234_567].map(thousands);
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
    }
}

//! The command behind `cargo xtask sim`: runs seeds, or shows that each deliberate mistake is caught.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to its terminal")]

use std::{process::ExitCode, time::Instant};

use clap::{Parser, ValueEnum as _};
use leadhook_sim::{Mutation, Report, run, sweep};

/// Runs the simulation.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Show that every deliberate mistake is caught.
    #[arg(long)]
    mutants: bool,
    /// Make this deliberate mistake in every run.
    #[arg(long)]
    mutation: Option<Mutation>,
    /// Print what happened in each run, line by line.
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let began = Instant::now();
    let is_well = if arguments.mutants { mutants(&arguments) } else { seeds(&arguments) };
    println!("{} s", began.elapsed().as_secs());
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn seeds(arguments: &Arguments) -> bool {
    let seeds = arguments.from..arguments.from.saturating_add(arguments.seeds);
    let mut sum = (0, 0, 0);
    let (mut disk, mut grouped, mut broken) = (leadhook_sim::disk::Counts::default(), 0, 0);
    sweep(
        seeds,
        |seed| run(seed, arguments.mutation),
        |report| {
            sum = (sum.0 + report.events, sum.1 + report.deliveries, sum.2 + report.sendings);
            grouped += report.grouped;
            disk.crashes += report.disk.crashes;
            disk.faults += report.disk.faults;
            disk.syncs += report.disk.syncs;
            disk.sectors_lost += report.disk.sectors_lost;
            broken += u64::from(!report.violations.is_empty());
            show(&report, arguments.trace);
        },
    );
    println!(
        "{} seeds: {} events, {} deliveries, {} requests; {grouped} transactions of several commands; {} syncs, {} crashes, \
         {} disk faults, {} sectors lost; {broken} seeds broke an invariant",
        arguments.seeds, sum.0, sum.1, sum.2, disk.syncs, disk.crashes, disk.faults, disk.sectors_lost,
    );
    broken == 0
}

fn show(report: &Report, trace: bool) {
    if trace {
        report.trace.iter().for_each(|line| println!("{line}"));
    }
    for violation in report.violations.iter().take(10) {
        println!("seed {}: {}: {}", report.seed, violation.invariant.name(), violation.detail);
    }
}

fn mutants(arguments: &Arguments) -> bool {
    let mut is_well = true;
    println!("{:<24} {:<24} {:>5}  first", "deliberate mistake", "caught by", "seed");
    for mutation in Mutation::value_variants() {
        let seeds = arguments.from..arguments.from.saturating_add(arguments.seeds);
        let name = mutation.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        match leadhook_sim::catch(*mutation, seeds) {
            Some((seed, violation)) => {
                println!("{name:<24} {:<24} {seed:>5}  {}", violation.invariant.name(), violation.detail);
            }
            None => {
                is_well = false;
                println!("{name:<24} SURVIVED");
            }
        }
    }
    is_well
}

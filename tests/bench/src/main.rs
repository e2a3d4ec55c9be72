//! Measures the real binary under load, beside a relay that keeps nothing: what durable delivery costs. And what plugins
//! cost, by the call and by the delivery.
//!
//! One process is the load and the receiver; the server under measurement is another. Both servers get the same
//! bodies at the same pace on the same machine in one go, so that their ratio means something where neither
//! figure alone does. Leads are followed by their ids: each that was acknowledged must arrive.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to its terminal")]

mod chain;
mod compare;
mod connection;
mod disk;
mod fill;
mod growth;
mod leads;
mod ledger;
mod load;
mod phase;
mod plugins;
mod process;
mod receiver;
mod relay;
mod report;
mod run;
mod server;
mod soak;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures leadhook against a relay that keeps nothing.
#[derive(Parser)]
#[command(name = "leadhook-bench", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The floor: answers 202 at once and forwards each body, storing nothing.
    Relay(relay::Options),
    /// Measures relay and leadhook in turns and tells the ratio.
    Compare(compare::Options),
    /// Measures leadhook with and without a plugin on the way of each delivery, in turns.
    Chain(chain::Options),
    /// Measures what one call of a plugin costs beside wasmtime alone, and a script beside native rhai.
    Plugins(plugins::Options),
    /// Measures whether cost and memory stay flat as the data folder grows.
    Growth(growth::Options),
    /// Runs leadhook at a steady pace for minutes and says whether memory, file and waiting stay flat.
    Soak(soak::Options),
}

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("leadhook-bench: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(async {
        match Arguments::parse().command {
            Command::Relay(options) => relay::run(options).await.map(|()| ExitCode::SUCCESS),
            Command::Compare(options) => compare::run(options).await,
            Command::Chain(options) => chain::run(options).await,
            Command::Plugins(options) => plugins::run(&options),
            Command::Growth(options) => growth::run(options).await,
            Command::Soak(options) => soak::run(options).await,
        }
    });
    ended.unwrap_or_else(|error| {
        eprintln!("leadhook-bench: {error:#}");
        ExitCode::FAILURE
    })
}

//! The leadhook binary: configuration, HTTP interface, command line. Wiring only.

mod api;
mod cli;
mod config;
mod logs;
mod serve;

use std::process::ExitCode;

use clap::Parser as _;

/// Leads are many small texts: a faster allocator is a tenth of the throughput.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match cli::run(cli::Line::parse()) {
        Ok(code) => code,
        // `leadhook listen | head`: there is nobody left to tell.
        Err(error) if cli::terminal::reader_went_away(&error) => ExitCode::FAILURE,
        Err(error) => {
            cli::terminal::complain(format!("error: {error:#}"));
            cli::failure::exit_of(&error).into()
        }
    }
}

//! `leadhook notification`: what an account's people should know without asking.

use std::process::ExitCode;

use serde_json::Value;

use super::{
    access::{List, local_time, text},
    block_on,
    client::Client,
    listing::Listing,
    table::Table,
    terminal::Terminal,
};

/// What is asked about notifications.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Line {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List notifications, newest first
    List(List),
}

/// Carries it out; the exit code is its answer.
pub(crate) fn run(line: Line, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let Action::List(options) = line.action;
    block_on(async {
        let client = Client::new(&options.access)?;
        let listing = Listing {
            path: "/v1/notifications",
            query: &[],
            field: "notifications",
            none: "there is nothing to know",
        };
        let table = Table::new(&["at", "kind", "webhook", "detail"]);
        let row = |table: &mut Table, one: &Value| {
            table.row([
                local_time(one, "at").into(),
                text(one, "kind").into(),
                text(one, "webhook").into(),
                text(one, "detail").into(),
            ]);
        };
        listing.print(&client, &options.access, &options.rows, table, row, terminal).await
    })
}

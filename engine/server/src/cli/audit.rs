//! `leadhook audit`: who changed what, and when.

use std::process::ExitCode;

use serde_json::Value;

use super::{
    access::{Access, Rows, local_time, text, texts},
    block_on,
    client::Client,
    listing::Listing,
    table::Table,
    terminal::Terminal,
};

pub(super) const HELP: &str = "\
Examples:
  leadhook audit
  leadhook audit --from 2026-03-01T00:00:00+03:00 --json
  leadhook audit --account 2             # with the operator's key
  leadhook audit --account operator      # what the operator changed";

/// Which part of a trail is shown.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// For the operator: whose; `operator` for the operator's own
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Made at this time or later, like 2026-03-01T00:00:00+03:00
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Made before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    access: Access,
}

/// Lists the changes, newest first.
pub(crate) fn run(options: &Options, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        let client = match &options.account {
            Some(_) => Client::of_operator(&options.access)?,
            None => Client::new(&options.access)?,
        };
        let query = [
            ("account", options.account.as_deref().filter(|account| *account != "operator")),
            ("from", options.from.as_deref()),
            ("to", options.to.as_deref()),
        ];
        let listing =
            Listing { path: "/v1/audit", query: &query, field: "entries", none: "nothing was changed" };
        let table = Table::new(&["at", "by", "action", "object", "before", "after", "fields"]);
        listing.print(&client, &options.access, &options.rows, table, row, terminal).await
    })
}

fn row(table: &mut Table, entry: &Value) {
    let author = &entry["by"];
    let by = match author["kind"].as_str() {
        Some("key") => format!("{} ({})", text(author, "name"), text(author, "id")),
        _ => text(author, "kind"),
    };
    table.row([
        local_time(entry, "at").into(),
        by.into(),
        text(entry, "action").into(),
        text(entry, "object").into(),
        text(entry, "before").into(),
        text(entry, "after").into(),
        texts(entry, "fields").into(),
    ]);
}

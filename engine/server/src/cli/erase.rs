//! `leadhook erase`: all that is kept of one client erased, and the certificate of it.

use std::{process::ExitCode, time::Duration};

use hyper::Method;
use serde_json::{Map, Value};

use super::{
    access::{Access, json_line, local_time, segment, text, texts},
    block_on,
    client::Client,
    table::Table,
    terminal::Terminal,
};

pub(super) const HELP: &str = "\
Examples:
  leadhook erase --phone '+7 999 000-00-01'
  leadhook erase --email anna@mail.example --json > certificate.json

Leads of the client are emptied, what is owed of them is cancelled, what was sent of them is deleted. This cannot be
undone. The engine does it by itself; a command that is broken off changes nothing about it.
What plugins keep is not searched, and backups made before still hold the client's data.";

/// How long between two looks at an erasure.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Who is erased.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("client").required(true))]
pub(crate) struct Options {
    /// The client's phone, best with its country code
    #[arg(long, value_name = "PHONE", group = "client")]
    phone: Option<String>,
    /// The client's e-mail
    #[arg(long, value_name = "EMAIL", group = "client")]
    email: Option<String>,
    /// Do not wait for its end
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    access: Access,
}

/// Erases the client and prints the certificate.
pub(crate) fn run(options: &Options, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        let client = Client::new(&options.access)?;
        let mut wanted = Map::new();
        for (name, given) in [("phone", &options.phone), ("email", &options.email)] {
            wanted.extend(given.iter().map(|text| (name.to_owned(), Value::from(text.as_str()))));
        }
        let mut erasure = client.send(Method::POST, "/v1/erasures", &Value::Object(wanted)).await?;
        let path = format!("/v1/erasures/{}", segment(erasure["id"].as_str().unwrap_or_default()));
        while !options.detach && erasure["state"] == "running" {
            tokio::time::sleep(LOOK_EVERY).await;
            erasure = client.get(&path).await?;
        }
        match options.access.json {
            true => json_line(&erasure, terminal),
            false => certificate(&erasure, terminal),
        }
    })
}

/// The certificate, a line for each of its facts.
fn certificate(erasure: &Value, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let mut table = Table::new(&["certificate", ""]);
    table.row(["id".into(), text(erasure, "id").into()]);
    table.row(["state".into(), text(erasure, "state").into()]);
    table.row(["asked for".into(), local_time(erasure, "created_at").into()]);
    table.row(["ended".into(), local_time(erasure, "ended_at").into()]);
    table.row(["client, hashed".into(), texts(erasure, "client").into()]);
    for name in ["leads", "versions", "deliveries", "cancelled", "bodies", "traces"] {
        table.row([name.into(), erasure["erased"][name].to_string().into()]);
    }
    table.print(terminal)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::terminal::Paper;

    #[test]
    fn a_certificate_tells_what_was_erased() {
        let erased = json!({
            "leads": 2, "versions": 5, "deliveries": 4, "cancelled": 1, "bodies": 6, "traces": 3,
        });
        let erasure = json!({
            "id": "er_1", "state": "done", "created_at": "A", "ended_at": "B", "client": ["c1", "c2"],
            "erased": erased,
        });
        let paper = Paper::default();
        certificate(&erasure, &mut Terminal::plain(paper.clone())).unwrap();
        let printed = paper.text();
        for line in
            ["state           done", "client, hashed  c1, c2", "leads           2", "bodies          6"]
        {
            assert!(printed.contains(line), "{printed}");
        }
    }
}

//! `leadhook secret`: values for plugins, set from standard input or a file, never shown.

use std::{
    fs::File,
    io::{self, Read as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use hyper::Method;
use serde_json::{Value, json};

use super::{
    access::{Access, List, local_time, segment, tell, text, texts},
    block_on,
    client::Client,
    listing::Listing,
    table::Table,
    terminal::Terminal,
};

pub(super) const HELP: &str = "\
Examples:
  leadhook secret set crm-token --file ./token
  pass crm/token | leadhook secret set crm-token
  leadhook secret list

The value comes from standard input or a file, never from the command line, where other users of the machine and the
shell's history see it. A line break at its end does not count.";

/// The most bytes that are read; the engine takes fewer, and says how many.
const VALUE_BYTES_MAX: u64 = 64 * 1024;

/// What is done with secrets.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Line {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Set or replace a secret
    Set(Set),
    /// List the secrets' names, and the webhooks that grant them
    List(List),
    /// Delete a secret that no webhook grants
    Delete(Delete),
}

#[derive(Debug, clap::Args)]
struct Set {
    /// The secret's name
    name: String,
    /// A file that holds the value; standard input unless given
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct Delete {
    /// The secret's name
    name: String,
    #[command(flatten)]
    access: Access,
}

/// Carries it out; the exit code is its answer.
pub(crate) fn run(line: Line, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        match line.action {
            Action::Set(options) => {
                let client = Client::new(&options.access)?;
                let body = json!({ "value": value(&options)? });
                let secret = client.send(Method::PUT, &path(&options.name), &body).await?;
                tell(&options.access, &secret, &format!("{} is set", text(&secret, "name")), terminal)
            }
            Action::List(options) => list(&options, terminal).await,
            Action::Delete(options) => {
                let client = Client::new(&options.access)?;
                let answer = client.call(Method::DELETE, &path(&options.name)).await?;
                tell(&options.access, &answer, &format!("{} is deleted", options.name), terminal)
            }
        }
    })
}

fn value(options: &Set) -> anyhow::Result<String> {
    let mut value = String::new();
    match &options.file {
        Some(file) => {
            let unreadable = || format!("{} cannot be read", file.display());
            let opened = File::open(file).with_context(unreadable)?;
            opened.take(VALUE_BYTES_MAX).read_to_string(&mut value).with_context(unreadable)?;
        }
        None => {
            let unreadable = "the value cannot be read from standard input";
            io::stdin().take(VALUE_BYTES_MAX).read_to_string(&mut value).context(unreadable)?;
        }
    }
    let value = value.strip_suffix('\n').unwrap_or(&value);
    Ok(value.strip_suffix('\r').unwrap_or(value).to_owned())
}

async fn list(options: &List, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let client = Client::new(&options.access)?;
    let listing =
        Listing { path: "/v1/secrets", query: &[], field: "secrets", none: "the account has no secret" };
    let table = Table::new(&["name", "set", "granted by"]);
    let row = |table: &mut Table, secret: &Value| {
        table.row([
            text(secret, "name").into(),
            local_time(secret, "set_at").into(),
            texts(secret, "used_by").into(),
        ]);
    };
    listing.print(&client, &options.access, &options.rows, table, row, terminal).await
}

fn path(name: &str) -> String {
    format!("/v1/secrets/{}", segment(name))
}

//! `leadhook account` and `leadhook key`: accounts with their terms, and what opens them; for the operator.

use std::{path::PathBuf, process::ExitCode};

use hyper::Method;
use serde_json::{Map, Value, json};

use super::{
    access::{Access, List, Rows, json_line, local_time, segment, tell, text, texts},
    block_on,
    client::Client,
    files::value_in,
    listing::Listing,
    table::{Cell, Table},
    terminal::{Style, Terminal},
};

pub(super) const ACCOUNT: &str = "\
Examples:
  leadhook account create Agency --quotas quotas.json
  leadhook account list
  leadhook account change 2 --state suspended

The operator's key: --key, else --key-file, else LEADHOOK_OPERATOR_KEY, else ./leadhook-data/operator-key.";

pub(super) const KEY: &str = "\
Examples:
  leadhook key create 2 telephony --scope events
  leadhook key list 2
  leadhook key delete key_5n8r1t4w7z0h2

A key is shown when it is made, and never again. The operator's key: --key, else --key-file, else
LEADHOOK_OPERATOR_KEY, else ./leadhook-data/operator-key.";

/// What is done with accounts.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct AccountLine {
    #[command(subcommand)]
    action: AccountAction,
}

#[derive(Debug, clap::Subcommand)]
enum AccountAction {
    /// List the accounts, by id
    List(List),
    /// Show an account with its quotas and what it uses
    Show(One),
    /// Make an account; it has no key yet
    Create(Create),
    /// Change an account's name, state or quotas
    Change(Change),
}

/// What is done with keys.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct KeyLine {
    #[command(subcommand)]
    action: KeyAction,
}

#[derive(Debug, clap::Subcommand)]
enum KeyAction {
    /// List an account's keys, by id
    List(Keys),
    /// Make a key; it is shown this once
    Create(NewKey),
    /// Delete a key: it opens nothing from then on
    Delete(OneKey),
}

#[derive(Debug, clap::Args)]
struct One {
    /// The account's id
    id: String,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct Create {
    /// Its name, which no other account has
    name: String,
    /// What it may use where that is not the usual, JSON or TOML
    #[arg(long, value_name = "FILE")]
    quotas: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct Change {
    /// The account's id
    id: String,
    /// Its new name
    #[arg(long)]
    name: Option<String>,
    /// active; suspended: what it owes is sent, nothing else; closed: its keys open nothing
    #[arg(long)]
    state: Option<String>,
    /// Quotas to change, JSON or TOML
    #[arg(long, value_name = "FILE")]
    quotas: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct Keys {
    /// The account's id
    account: String,
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct NewKey {
    /// The account's id
    account: String,
    /// What people call it
    name: String,
    /// What it opens: events, read, manage; all three unless given
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
    /// From when on it opens nothing, like 2027-01-01T00:00:00+03:00
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct OneKey {
    /// The key's id, as `list` shows it
    id: String,
    #[command(flatten)]
    access: Access,
}

/// Carries out what is done with accounts.
pub(crate) fn run(line: AccountLine, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        match line.action {
            AccountAction::List(options) => list(&options, terminal).await,
            AccountAction::Show(options) => {
                json_line(&Client::of_operator(&options.access)?.get(&path(&options.id)).await?, terminal)
            }
            AccountAction::Create(options) => {
                let mut wanted = json!({ "name": options.name });
                if let Some(file) = &options.quotas {
                    wanted["quotas"] = value_in(file)?;
                }
                let client = Client::of_operator(&options.access)?;
                let made = client.send(Method::POST, "/v1/accounts", &wanted).await?;
                let id = text(&made, "id");
                let words =
                    format!("account {id} is made; `leadhook key create {id} NAME` makes a key to it");
                tell(&options.access, &made, &words, terminal)
            }
            AccountAction::Change(options) => change(&options, terminal).await,
        }
    })
}

async fn list(options: &List, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let client = Client::of_operator(&options.access)?;
    let listing =
        Listing { path: "/v1/accounts", query: &[], field: "accounts", none: "there is no account" };
    let table = Table::new(&["id", "name", "state", "webhooks", "plugins", "stored bytes", "made"]);
    let row = |table: &mut Table, account: &Value| {
        let state = match account["state"].as_str() {
            Some("active") => Style::Green,
            _ => Style::Yellow,
        };
        let usage = &account["usage"];
        table.row([
            text(account, "id").into(),
            text(account, "name").into(),
            Cell::styled(state, &text(account, "state")),
            usage["webhooks"].to_string().into(),
            usage["plugins"].to_string().into(),
            usage["stored_bytes"].to_string().into(),
            local_time(account, "made_at").into(),
        ]);
    };
    listing.print(&client, &options.access, &options.rows, table, row, terminal).await
}

async fn change(options: &Change, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let mut change = Map::new();
    for (field, value) in [("name", &options.name), ("state", &options.state)] {
        if let Some(value) = value {
            change.insert(field.to_owned(), value.as_str().into());
        }
    }
    if let Some(file) = &options.quotas {
        change.insert("quotas".to_owned(), value_in(file)?);
    }
    let client = Client::of_operator(&options.access)?;
    let changed = client.send(Method::PATCH, &path(&options.id), &Value::Object(change)).await?;
    let words = format!("account {} is {} now", text(&changed, "id"), text(&changed, "state"));
    tell(&options.access, &changed, &words, terminal)
}

/// Carries out what is done with keys.
pub(crate) fn run_keys(line: KeyLine, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        match line.action {
            KeyAction::List(options) => list_keys(&options, terminal).await,
            KeyAction::Create(options) => {
                let mut wanted = json!({ "name": options.name });
                if !options.scopes.is_empty() {
                    wanted["scopes"] = json!(options.scopes);
                }
                if let Some(expires) = &options.expires {
                    wanted["expires_at"] = expires.as_str().into();
                }
                let client = Client::of_operator(&options.access)?;
                let path = format!("{}/keys", path(&options.account));
                let made = client.send(Method::POST, &path, &wanted).await?;
                let words =
                    format!("{} is made and shown this once:\n{}", text(&made, "id"), text(&made, "key"));
                tell(&options.access, &made, &words, terminal)
            }
            KeyAction::Delete(options) => {
                let client = Client::of_operator(&options.access)?;
                let answer =
                    client.call(Method::DELETE, &format!("/v1/keys/{}", segment(&options.id))).await?;
                tell(&options.access, &answer, &format!("{} is deleted", options.id), terminal)
            }
        }
    })
}

async fn list_keys(options: &Keys, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let client = Client::of_operator(&options.access)?;
    let path = format!("{}/keys", path(&options.account));
    let listing = Listing {
        path: &path,
        query: &[],
        field: "keys",
        none: "the account has no key; `leadhook key create` makes one",
    };
    let table = Table::new(&["id", "name", "opens", "made", "expires", "last used"]);
    let row = |table: &mut Table, key: &Value| {
        table.row([
            text(key, "id").into(),
            text(key, "name").into(),
            texts(key, "scopes").into(),
            local_time(key, "made_at").into(),
            local_time(key, "expires_at").into(),
            local_time(key, "last_used_at").into(),
        ]);
    };
    listing.print(&client, &options.access, &options.rows, table, row, terminal).await
}

fn path(id: &str) -> String {
    format!("/v1/accounts/{}", segment(id))
}

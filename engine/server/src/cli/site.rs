//! `leadhook site`: an account's sites, and the tokens under which a tracking service's webhooks come in.

use std::{path::PathBuf, process::ExitCode};

use hyper::Method;
use serde_json::Value;

use super::{
    access::{Access, List, json_line, local_time, segment, tell, text},
    block_on,
    client::Client,
    files::value_in,
    listing::Listing,
    table::Table,
    terminal::{Terminal, complain},
};

pub(super) const HELP: &str = "\
Examples:
  leadhook site put 60001 examples/site.json
  leadhook site list
  leadhook site relay make 60001
  leadhook site relay revoke 60001 relay_5n8r1t4w7z0h2";

/// What is done with sites.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Line {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the sites, by id
    List(List),
    /// Show a site's settings
    Show(One),
    /// Make or replace a site
    Put(Put),
    /// Delete a site; its events are refused from then on
    Delete(One),
    /// Tokens under which a tracking service's webhooks come in
    #[command(arg_required_else_help = true)]
    Relay {
        #[command(subcommand)]
        action: Relay,
    },
}

#[derive(Debug, clap::Subcommand)]
enum Relay {
    /// Make a token; it is shown this once
    Make(One),
    /// List a site's tokens, newest first
    List(One),
    /// Revoke a token: nothing is taken in under it from then on
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
struct One {
    /// The site's id
    id: String,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct Put {
    /// The site's id
    id: String,
    /// Its settings, JSON or TOML
    file: PathBuf,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// The site's id
    id: String,
    /// The token's id, as `list` shows it
    token: String,
    #[command(flatten)]
    access: Access,
}

/// Carries it out; the exit code is its answer.
pub(crate) fn run(line: Line, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        match line.action {
            Action::List(options) => list(&options, terminal).await,
            Action::Show(options) => {
                json_line(&Client::new(&options.access)?.get(&path(&options.id)).await?, terminal)
            }
            Action::Put(options) => {
                let settings = value_in(&options.file)?;
                let client = Client::new(&options.access)?;
                let site = client.send(Method::PUT, &path(&options.id), &settings).await?;
                let words = format!("site {} is saved as revision {}", text(&site, "id"), site["revision"]);
                tell(&options.access, &site, &words, terminal)
            }
            Action::Delete(options) => {
                let answer = Client::new(&options.access)?.call(Method::DELETE, &path(&options.id)).await?;
                tell(&options.access, &answer, &format!("site {} is deleted", options.id), terminal)
            }
            Action::Relay { action } => relay(&action, terminal).await,
        }
    })
}

async fn list(options: &List, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let client = Client::new(&options.access)?;
    let listing = Listing {
        path: "/v1/sites",
        query: &[],
        field: "sites",
        none: "there is no site; `leadhook site put ID FILE` makes one",
    };
    let table = Table::new(&["id", "name", "timezone", "country"]);
    let row = |table: &mut Table, site: &Value| {
        table.row(["id", "name", "timezone", "country"].map(|field| text(site, field).into()));
    };
    listing.print(&client, &options.access, &options.rows, table, row, terminal).await
}

async fn relay(action: &Relay, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    match action {
        Relay::Make(options) => {
            let path = format!("{}/relays", path(&options.id));
            let made = Client::new(&options.access)?.call(Method::POST, &path).await?;
            let server = options.access.endpoint.server.trim_end_matches('/');
            let words = format!(
                "{} is made and shown this once; the tracking service's webhooks go to\n{server}{}",
                text(&made, "id"),
                text(&made, "path")
            );
            tell(&options.access, &made, &words, terminal)
        }
        Relay::List(options) => {
            let path = format!("{}/relays", path(&options.id));
            let answer = Client::new(&options.access)?.get(&path).await?;
            tell_relays(&answer, options.access.json, terminal)
        }
        Relay::Revoke(options) => {
            let path = format!("{}/relays/{}", path(&options.id), segment(&options.token));
            let answer = Client::new(&options.access)?.call(Method::DELETE, &path).await?;
            tell(&options.access, &answer, "the token is revoked", terminal)
        }
    }
}

/// A site has a few tokens: there is one page of them.
fn tell_relays(answer: &Value, is_json: bool, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let relays = answer["relays"].as_array().map(Vec::as_slice).unwrap_or_default();
    if is_json {
        relays.iter().try_for_each(|relay| terminal.line(relay))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["id", "made"]);
    for relay in relays {
        table.row([text(relay, "id").into(), local_time(relay, "made_at").into()]);
    }
    if relays.is_empty() {
        complain("the site has no token; `leadhook site relay make` makes one");
    }
    table.print(terminal)?;
    Ok(ExitCode::SUCCESS)
}

fn path(id: &str) -> String {
    format!("/v1/sites/{}", segment(id))
}

//! Starts the servers that are measured, and makes leadhook ready for the load: a site and one webhook, by its API.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{connection::Connection, process::Process};

/// The account's key, known beforehand.
pub(crate) const KEY: &str = "bench-key-0123456789abcdef0123456789abcdef";
/// A secret that signs every delivery: 32 bytes as Standard Webhooks has them. It protects nothing.
const SIGNING_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The floor.
    Relay,
    /// The real binary.
    Leadhook,
}

impl Kind {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Leadhook => "leadhook",
        }
    }
}

/// The binary, where it lies unless told: beside this one.
pub(crate) fn beside(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program does not know where it lies")?;
    let path = own.with_file_name(name);
    ensure!(path.is_file(), "{} is not there; build it, or name another one", path.display());
    Ok(path)
}

/// Starts a relay to the receiver, with its log in this folder.
pub(crate) fn start_relay(folder: &Path, receiver: SocketAddr, upstreams: usize) -> Result<Process> {
    let mut command =
        Command::new(std::env::current_exe().context("this program does not know where it lies")?);
    command.args(["relay", "--to", &receiver.to_string(), "--upstreams", &upstreams.to_string()]);
    Process::start(command, folder.join("relay.log"))
}

/// Starts leadhook on the folder `data` in this one, with its log beside it.
pub(crate) fn start_leadhook(binary: &Path, folder: &Path) -> Result<Process> {
    let mut command = Command::new(binary);
    // What the developer's own engine is set to is no part of a measurement.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LEADHOOK_")) {
        command.env_remove(name);
    }
    command
        .current_dir(folder)
        .args(["serve", "--listen", "127.0.0.1:0", "--allow-destination", "127.0.0.0/8", "--data"])
        .arg(folder.join("data"))
        .env("LEADHOOK_API_KEY", KEY);
    Process::start(command, folder.join("leadhook.log"))
}

/// Makes this site and one webhook that is signed, takes that site's leads only and may make so many attempts at one
/// time, and activates it. Each of its requests passes the plugin, if there is one.
pub(crate) async fn subscribe(
    engine: SocketAddr,
    receiver: SocketAddr,
    site: &str,
    concurrent: usize,
    plugin: Option<&str>,
) -> Result<()> {
    let mut connection = Connection::open(engine, Some(KEY)).await?;
    let site_settings = json!({"name": "Окна", "tracked_url_params": ["abtest"]});
    call(&mut connection, "PUT", &format!("/v1/sites/{site}"), &site_settings).await?;
    let settings = json!({
        "url": format!("http://{receiver}/hook"),
        "sites": [site],
        "signing": {"secrets": [SIGNING_SECRET]},
        "rate": {"concurrent": concurrent},
        "transform": plugin.map(|plugin| json!({"plugin": plugin})).into_iter().collect::<Vec<_>>(),
    });
    let webhook = call(&mut connection, "POST", "/v1/webhooks", &settings).await?;
    let id = webhook["id"].as_str().context("a webhook was made without an id")?;
    call(&mut connection, "POST", &format!("/v1/webhooks/{id}/activate"), &json!({})).await?;
    Ok(())
}

async fn call(connection: &mut Connection, method: &str, path: &str, body: &Value) -> Result<Value> {
    let (status, answer) = connection.send(method, path, Bytes::from(body.to_string())).await?;
    let text = String::from_utf8_lossy(&answer);
    ensure!((200..300).contains(&status), "{method} {path} was answered {status}: {text}");
    serde_json::from_str(&text).with_context(|| format!("{method} {path} was answered with no JSON: {text}"))
}

/// How many bytes the files in a folder and below it have.
pub(crate) fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let entry = entry?;
        bytes += match entry.file_type()?.is_dir() {
            true => folder_bytes(&entry.path())?,
            false => entry.metadata()?.len(),
        };
    }
    Ok(bytes)
}

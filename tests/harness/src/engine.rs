//! The real binary as a test meets it: started on a folder, spoken to over HTTP, killed, restarted.

use std::{
    fs, io,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
};

use bytes::Bytes;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    api::{self, ApiAnswer},
    binary,
    process::{Process, forget_settings},
    wait::{PATIENCE, look_until},
};

/// The account's key, known beforehand.
const KEY: &str = "test-key-0123456789abcdef0123456789abcdef";
/// What the binary prints before its address when it is ready.
const READY: &str = "listening on http://";
/// How much of the log a failure shows.
const LOG_LINES_SHOWN: usize = 60;

/// How an engine is started.
#[derive(Debug, Default)]
pub struct Setup {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// Started with the binary's arguments after its own; the binary where it is empty.
    stand_in: Vec<String>,
    public_only: bool,
}

impl Setup {
    /// Adds arguments to `leadhook serve`.
    #[must_use]
    pub fn arguments<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.arguments.extend(arguments.into_iter().map(str::to_owned));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// It may not send to loopback addresses, as no engine may that is not told so.
    #[must_use]
    pub fn public_only(mut self) -> Self {
        self.public_only = true;
        self
    }

    /// It outlives a write beyond [`Engine::limit_files`], which then fails as on a full disk.
    #[must_use]
    pub fn full_disk_is_an_error(mut self) -> Self {
        let binary = binary::path().to_string_lossy().into_owned();
        let deaf = r#"trap "" XFSZ; exec "$0" "$@""#.to_owned();
        self.stand_in = vec!["bash".to_owned(), "-c".to_owned(), deaf, binary];
        self
    }

    /// Starts it on an empty folder and waits until it is ready.
    ///
    /// # Panics
    /// When it ends before, or is not ready within [`PATIENCE`]; with the tail of its log.
    pub async fn start(self) -> Engine {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut engine = Engine { setup: self, folder, running: None };
        engine.restart().await;
        engine
    }
}

/// A running engine with a folder of its own. Killed, and the folder deleted, when dropped.
#[derive(Debug)]
pub struct Engine {
    setup: Setup,
    folder: TempDir,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Process,
    address: SocketAddr,
}

impl Engine {
    /// Starts one that may send to loopback addresses, and waits until it is ready.
    pub async fn start() -> Self {
        Self::setup().start().await
    }

    /// To start one in another way.
    pub fn setup() -> Setup {
        Setup::default()
    }

    /// The folder it keeps its state in.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where it listens; another port after each start.
    ///
    /// # Panics
    /// When it is not running.
    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().expect("the engine was killed or terminated").address
    }

    /// The process id.
    ///
    /// # Panics
    /// When it is not running.
    pub fn process_id(&self) -> u32 {
        self.process().id()
    }

    /// The account's key.
    pub fn key(&self) -> &'static str {
        KEY
    }

    /// All that it printed, over all its starts.
    pub fn log(&self) -> String {
        fs::read(self.log_path()).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Kills it as `kill -9` does, in the middle of whatever is asked of it; [`Engine::end`] waits for that.
    pub fn strike(&self) {
        self.process().signal(Signal::KILL);
    }

    /// Asks it to end (SIGTERM), in the middle of whatever is asked of it; [`Engine::end`] waits for that.
    pub fn ask_to_end(&self) {
        self.process().signal(Signal::TERM);
    }

    /// Asks it to read its configuration again (SIGHUP).
    pub fn ask_to_reload(&self) {
        self.process().signal(Signal::HUP);
    }

    /// Asks it to end (SIGTERM) and waits for that.
    ///
    /// # Panics
    /// As [`Engine::end`].
    pub async fn terminate(&mut self) -> ExitStatus {
        self.ask_to_end();
        self.end().await
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When that does not come within twice [`PATIENCE`]; with the tail of its log.
    pub async fn end(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("the engine was killed or terminated");
        let ended = running.process.end().await;
        ended.unwrap_or_else(|| panic!("the engine does not end\n{}", self.log_tail()))
    }

    /// From now on no file of it may grow beyond this many bytes, as on a full disk; `None`: there is room again.
    #[cfg(target_os = "linux")]
    pub fn limit_files(&self, bytes_max: Option<u64>) {
        use rustix::process::{Resource, Rlimit, prlimit};
        let limit = Rlimit { current: bytes_max, maximum: None };
        prlimit(Some(self.process().pid()), Resource::Fsize, limit).expect("a child of ours can be limited");
    }

    /// Starts it again on the same folder, in another way.
    ///
    /// # Panics
    /// As [`Engine::restart`].
    pub async fn restart_as(&mut self, setup: Setup) {
        self.setup = setup;
        self.restart().await;
    }

    /// Starts it again on the same folder; one that still runs is asked to end first.
    ///
    /// # Panics
    /// When it does not get ready; with the tail of its log.
    pub async fn restart(&mut self) {
        if self.running.is_some() {
            self.terminate().await;
        }
        let printed_before = self.log().len();
        let child = self.spawn().unwrap_or_else(|error| panic!("the engine does not start: {error}"));
        let mut process = Process::of(child);
        let ready = look_until(PATIENCE, async || match process.ended() {
            Some(status) => Some(Err(status)),
            None => address_in(&self.log().split_off(printed_before)).map(Ok),
        });
        match ready.await {
            Some(Ok(address)) => self.running = Some(Running { process, address }),
            Some(Err(status)) => {
                panic!("the engine ended before it was ready: {status}\n{}", self.log_tail())
            }
            None => panic!("the engine did not get ready\n{}", self.log_tail()),
        }
    }

    /// GET: the status, and the body as JSON.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.call("GET", path, None).await
    }

    /// POST of JSON: the status, and the body as JSON.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call("POST", path, Some(body)).await
    }

    /// PUT of JSON: the status, and the body as JSON.
    pub async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call("PUT", path, Some(body)).await
    }

    /// DELETE: the status, and the body as JSON.
    pub async fn delete(&self, path: &str) -> (u16, Value) {
        self.call("DELETE", path, None).await
    }

    /// Any request, with just these headers: no key unless given. Fails when the connection does.
    pub async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> io::Result<ApiAnswer> {
        let exchange = api::exchange(self.address(), method, path, headers, body.into());
        tokio::time::timeout(PATIENCE, exchange).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let bearer = format!("Bearer {KEY}");
        let mut headers = vec![("authorization", bearer.as_str())];
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        match self.raw(method, path, &headers, body).await {
            Ok(answer) => (answer.status, answer.json()),
            Err(error) => panic!("{method} {path} got no answer: {error}\n{}", self.log_tail()),
        }
    }

    fn spawn(&self) -> io::Result<Child> {
        let log = fs::File::options().create(true).append(true).open(self.log_path())?;
        let mut command = match self.setup.stand_in.split_first() {
            None => Command::new(binary::path()),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments);
                command
            }
        };
        forget_settings(&mut command);
        command.current_dir(self.folder.path()).args(["serve", "--listen", "127.0.0.1:0"]);
        if !self.setup.public_only {
            command.args(["--allow-destination", "127.0.0.0/8"]);
        }
        command
            .arg("--data")
            .arg(self.data())
            .args(&self.setup.arguments)
            .env("LEADHOOK_API_KEY", KEY)
            .envs(self.setup.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
    }

    fn process(&self) -> &Process {
        &self.running.as_ref().expect("the engine was killed or terminated").process
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
        format!("the end of its log:\n{}", shown.join("\n"))
    }
}

/// The address in the line that says that it is ready; `None` while that line is not there whole.
fn address_in(printed: &str) -> Option<SocketAddr> {
    let (whole_lines, _) = printed.rsplit_once('\n')?;
    let (_, after) = whole_lines.split_once(READY)?;
    after.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;

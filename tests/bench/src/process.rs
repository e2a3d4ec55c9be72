//! A server in a process of its own, and what the system says about it: memory and processor time.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};

/// What a server prints before its address when it is ready.
const READY: &str = "listening on http://";
/// How much of its log a failure shows, in bytes.
const LOG_SHOWN_BYTES: usize = 4_000;

/// A running server; killed when dropped.
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
    ready_after: Duration,
    log: PathBuf,
}

impl Process {
    /// Starts it and waits until it says where it listens, or ends. What it complains about goes to a file `log`.
    pub(crate) fn start(mut command: Command, log: PathBuf) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let began = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log)?)
            .spawn()
            .with_context(|| format!("`{program}` could not be started"))?;
        let printed = child.stdout.take().context("its output is piped")?;
        match ready(printed) {
            Some(address) => Ok(Self { child, address, ready_after: began.elapsed(), log }),
            None => {
                // It may only have closed its output.
                drop(child.kill());
                let status = child.wait()?;
                Err(anyhow!("`{program}` ended before it was ready: {status}\n{}", tail(&log)))
            }
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From its start until it said that it is ready.
    pub(crate) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The end of what it complained about.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log)
    }

    /// The most memory it has had resident, in bytes.
    pub(crate) fn memory_peak_bytes(&self) -> Result<u64> {
        self.status("VmHWM:")
    }

    /// The memory it has resident now, in bytes.
    pub(crate) fn memory_bytes(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// The processor time it has used, in user and system mode, all threads together.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        processor_time(&self.id().to_string())
    }

    fn status(&self, name: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.id());
        let text = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
        kibibytes(&text, name).map(|number| number * 1024).with_context(|| format!("{path} has no {name}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The processor time of this very process so far.
pub(crate) fn own_processor_time() -> Result<Duration> {
    processor_time("self")
}

fn processor_time(process: &str) -> Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
    let ticks = ticks(&text).with_context(|| format!("{path} is not as expected"))?;
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// `utime` and `stime` of proc_pid_stat(5), its fields 14 and 15. The second is a name that may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// A line of proc_pid_status(5) that has its size in kB.
fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Reads until the address is told; the rest of the output is read on and dropped, so that it never blocks.
fn ready(printed: impl Read + Send + 'static) -> Option<SocketAddr> {
    let mut lines = BufReader::new(printed).lines().map_while(Result::ok);
    let address = lines.find_map(|line| {
        let (_, address) = line.split_once(READY)?;
        address.split_whitespace().next()?.parse().ok()
    })?;
    std::thread::spawn(move || lines.for_each(drop));
    Some(address)
}

fn tail(log: &Path) -> String {
    let log = fs::read(log).unwrap_or_default();
    let shown = &log[log.len().saturating_sub(LOG_SHOWN_BYTES)..];
    format!("the end of its log:\n{}", String::from_utf8_lossy(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_past_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 8 9 20 0 4 0 1234 1 2";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("7 (a) S 1"), None);
        assert!(own_processor_time().is_ok());
    }

    #[test]
    fn memory_is_read_in_kibibytes() {
        let status = "Name:\tleadhook\nVmHWM:\t  123456 kB\nVmRSS:\t    7 kB\nThreads:\t4\n";
        assert_eq!(kibibytes(status, "VmHWM:"), Some(123_456));
        assert_eq!(kibibytes(status, "VmRSS:"), Some(7));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
    }

    #[test]
    fn a_server_that_ends_before_it_is_ready_is_told_with_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one line; echo the reason >&2; exit 3"]);
        let error = Process::start(command, folder.path().join("log")).err().unwrap().to_string();
        assert!(error.contains("before it was ready") && error.contains("the reason"), "{error}");
    }

    #[test]
    fn a_ready_server_is_known_by_its_address_and_does_not_outlive_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo hello; echo listening on http://127.0.0.1:4567; exec sleep 600"]);
        let process = Process::start(command, folder.path().join("log")).unwrap();
        assert_eq!(process.address().port(), 4567);
        assert!(process.memory_bytes().unwrap() > 0 && process.memory_peak_bytes().unwrap() > 0);
        let id = process.id();
        drop(process);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }
}

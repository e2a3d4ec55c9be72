//! How much memory the engine has held.

use leadhook_harness::Engine;

/// The most memory that the process ever held, in KiB (`VmHWM` of proc(5)).
pub(crate) fn peak_kib(engine: &Engine) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", engine.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

//! What stands in the files to run leadhook by is what the binary knows.

use std::collections::BTreeSet;

use leadhook_harness::Program;

const UNIT: &str = include_str!("../../examples/operate/leadhook.service");
const CONTAINER: &str = include_str!("../../examples/operate/Containerfile");

/// The words of a text that begin with this, as far as flags and variables go.
fn words(text: &str, beginning: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let all = text.split(|letter| !is_part(letter)).filter(|word| word.starts_with(beginning));
    all.map(str::to_owned).collect()
}

#[tokio::test]
async fn each_option_and_variable_in_the_files_is_in_the_help() {
    let help = Program::start(["serve", "--help"]).end().await.stdout;
    let keys = ["LEADHOOK_API_KEY", "LEADHOOK_OPERATOR_KEY", "LEADHOOK_MASTER_KEY"].map(str::to_owned);
    let variables: BTreeSet<_> = words(&help, "LEADHOOK_").into_iter().chain(keys).collect();
    let flags = words(&help, "--");
    for (name, text) in [("leadhook.service", UNIT), ("Containerfile", CONTAINER)] {
        for variable in words(text, "LEADHOOK_") {
            assert!(variables.contains(&variable), "{name}: {variable}");
        }
        // Comments name options of other programs.
        let own = text.lines().filter(|line| !line.starts_with('#') && line.contains("leadhook serve"));
        for flag in own.flat_map(|line| words(line, "--")) {
            assert!(flags.contains(&flag), "{name}: {flag}");
        }
    }
    let commands = Program::start(["--help"]).end().await.stdout;
    for command in ["serve", "backup", "restore", "verify", "config"] {
        assert!(commands.lines().any(|line| line.trim_start().starts_with(command)), "{command}");
    }
}

/// The unit's setting of this name, in seconds.
fn seconds(setting: &str) -> u64 {
    let line = UNIT.lines().find_map(|line| line.strip_prefix(setting)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("{setting} is not set")).parse().unwrap()
}

#[tokio::test]
async fn the_unit_leaves_time_to_end_and_reloads_by_the_signal_that_is_known() {
    let help = Program::start(["serve", "--help"]).end().await.stdout;
    let said = help.split("at shutdown").nth(1).unwrap().split("unless given").next().unwrap();
    let unless_given: u64 = said.split(';').nth(1).unwrap().trim().parse().unwrap();
    assert!(seconds("TimeoutStopSec") > unless_given, "{said}");
    assert!(UNIT.contains("ExecReload=/bin/kill -HUP $MAINPID"));
    for hardened in ["NoNewPrivileges=yes", "ProtectSystem=strict", "StateDirectory=leadhook", "UMask=0077"] {
        assert!(UNIT.lines().any(|line| line == hardened), "{hardened}");
    }
    assert!(CONTAINER.contains("\nUSER leadhook") && CONTAINER.contains("\nHEALTHCHECK"));
}

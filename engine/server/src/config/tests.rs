//! Tests of precedence, faults and origins of the settings.

use std::io::Write as _;

use clap::Parser as _;
use tempfile::NamedTempFile;

use super::*;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    flags: Flags,
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn loaded<const N: usize>(file: &NamedTempFile, environment: [(&str, &str); N], flags: &[&str]) -> Loaded {
    let config = ["leadhook", "--config", file.path().to_str().unwrap()];
    let line = Line::parse_from(config.into_iter().chain(flags.iter().copied()));
    load(&line.flags, &Environment::from(environment))
}

fn config(loaded: Loaded) -> Config {
    loaded.config.unwrap_or_else(|faults| panic!("{faults}"))
}

fn faults(loaded: Loaded) -> Vec<(String, String)> {
    let faults = loaded.config.err().expect("something is wrong with it");
    faults.0.into_iter().map(|fault| (fault.path, fault.code)).collect()
}

#[test]
fn nothing_given_leaves_the_defaults() {
    let config = config(loaded(&file(""), [], &[]));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data, PathBuf::from("./leadhook-data"));
    assert_eq!((config.log, config.log_level.as_str()), (LogFormat::Text, "info"));
    assert_eq!(config.shutdown, Duration::from_secs(30));
    assert_eq!(config.plugin_limits, Limits::DEFAULT);
    assert!(config.allow_destination.is_empty() && config.public_url.is_none() && config.api_key.is_none());
}

#[test]
fn a_flag_stands_over_the_environment_and_that_over_the_file() {
    let file = file("data = 'from-file'\nlisten = '127.0.0.1:1'\nshutdown_seconds = 5\n");
    let environment = [("LEADHOOK_LISTEN", "127.0.0.1:2"), ("LEADHOOK_SHUTDOWN_SECONDS", "6")];
    let loaded = loaded(&file, environment, &["--shutdown-seconds", "7"]);
    let origin = |name| loaded.shown.iter().find(|shown| shown.name == name).unwrap().origin.clone();
    assert_eq!(origin("data"), Origin::File { path: file.path().to_owned(), line: 1 });
    assert_eq!(origin("listen"), Origin::Environment("LEADHOOK_LISTEN"));
    assert_eq!(origin("shutdown_seconds"), Origin::Flag("--shutdown-seconds"));
    assert_eq!(origin("log"), Origin::Default);
    let config = config(loaded);
    assert_eq!(config.data, PathBuf::from("from-file"));
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.shutdown, Duration::from_secs(7));
}

#[test]
fn a_list_replaces_the_one_below_it_whole() {
    let file = file("allow_destination = ['10.0.0.0/8', '127.0.0.1']\nsource_address = '10.0.0.1'\n");
    let from_file = config(loaded(&file, [], &[]));
    let shown: Vec<_> = from_file.allow_destination.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["10.0.0.0/8", "127.0.0.1/32"]);
    assert_eq!(from_file.source_address.len(), 1);
    let environment = [("LEADHOOK_ALLOW_DESTINATION", "fd00::/8, 10.1.0.0/16")];
    assert_eq!(config(loaded(&file, environment, &[])).allow_destination.len(), 2);
    let flags = ["--allow-destination", "192.168.0.0/16"];
    assert_eq!(config(loaded(&file, environment, &flags)).allow_destination.len(), 1);
}

#[test]
fn everything_wrong_is_told_at_once_with_where_it_was_given() {
    let file = file("listn = '127.0.0.1:1'\nlog = true\ndata = 'x'\npublic_url = 'ftp://x'\n");
    let path = file.path().display().to_string();
    let environment = [("LEADHOOK_SHUTDOWN_SECONDS", "0"), ("LEADHOOK_API_KEY", "short")];
    let flags = ["--listen", "nowhere", "--allow-destination", "10.0.0.0/33", "--source-address", "x"];
    let mut told = faults(loaded(&file, environment, &flags));
    told.sort();
    let expected = [
        ("--allow-destination", "bad_value"),
        ("--listen", "bad_value"),
        ("--source-address", "bad_value"),
        ("LEADHOOK_API_KEY", "bad_key"),
        ("LEADHOOK_SHUTDOWN_SECONDS", "bad_value"),
        (&format!("listn ({path}, line 1)"), "unknown_field"),
        (&format!("log ({path}, line 2)"), "wrong_type"),
        (&format!("public_url ({path}, line 4)"), "bad_value"),
    ];
    assert_eq!(told, expected.map(|(path, code)| (path.to_owned(), code.to_owned())));
}

#[test]
fn broken_toml_is_told_with_its_line_and_the_rest_still_read() {
    let file = file("data = 'x'\nlisten = \nlog = 'yaml'\n");
    let told = faults(loaded(&file, [], &[]));
    let path = file.path().display();
    assert!(told.contains(&(format!("{path}, line 2"), "bad_toml".to_owned())), "{told:?}");
    assert!(told.contains(&(format!("log ({path}, line 3)"), "bad_value".to_owned())), "{told:?}");
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let line = Line::parse_from(["leadhook", "--config", "/no/such/file.toml"]);
    let told = faults(load(&line.flags, &Environment::default()));
    assert_eq!(told, [("/no/such/file.toml".to_owned(), "unreadable".to_owned())]);
    let named = Environment::from([("LEADHOOK_CONFIG", "/no/such/other.toml")]);
    assert_eq!(faults(load(&Flags::default(), &named)).len(), 1);
}

#[test]
fn a_setting_given_twice_is_refused_and_an_unknown_variable_is_told() {
    let twice = ["--listen", "127.0.0.1:1", "--listen", "127.0.0.1:2"];
    let told = faults(loaded(&file(""), [], &twice));
    assert_eq!(told, [("--listen".to_owned(), "given_twice".to_owned())]);
    let other = [("LEADHOOK_PORT", "tcp://10.0.0.1:80"), ("LEADHOOK_LOG", "debug")];
    assert_eq!(loaded(&file(""), other, &[]).unused, ["LEADHOOK_PORT"]);
}

#[test]
fn plugins_may_be_given_more_up_to_the_most_that_the_sandbox_takes() {
    let most = "plugin_fuel_millions = 1000\nplugin_deadline_ms = 1000\nplugin_memory_mib = 256\n\
                plugin_exchange_kib = 1024\n";
    assert_eq!(config(loaded(&file(most), [], &[])).plugin_limits, Limits::MAX);
    let flags = ["--plugin-fuel-millions", "1001", "--plugin-deadline-ms", "0", "--plugin-memory-mib", "257"];
    let exchange = [("LEADHOOK_PLUGIN_EXCHANGE_KIB", "1.5")];
    assert_eq!(faults(loaded(&file(""), exchange, &flags)).len(), 4);
}

#[test]
fn a_key_from_the_environment_is_long_enough_and_fits_a_header() {
    let with = |key| loaded(&file(""), [("LEADHOOK_API_KEY", key)], &[]).config;
    assert_eq!(with("0123456789abcdef").ok().unwrap().api_key.as_deref(), Some("0123456789abcdef"));
    for bad in ["0123456789abcde", "0123456789 abcdef", "0123456789ключ"] {
        let faults = with(bad).err().unwrap();
        assert!(!faults.to_string().contains(bad), "a key must not be told");
    }
}

#[test]
fn the_public_url_is_kept_without_a_slash_at_the_end() {
    let flags = ["--public-url", "https://hooks.example/engine/"];
    let config = config(loaded(&file(""), [], &flags));
    assert_eq!(config.public_url.as_deref(), Some("https://hooks.example/engine"));
    for bad in ["hooks.example", "https://a@hooks.example", "https://hooks.example/?a=1"] {
        assert_eq!(faults(loaded(&file(""), [], &["--public-url", bad])).len(), 1, "{bad}");
    }
}

#[test]
fn the_help_of_every_flag_names_its_variable_and_its_default() {
    let help = <Line as clap::CommandFactory>::command().render_long_help().to_string();
    let plain = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for setting in SETTINGS {
        assert!(plain.contains(&format!("[env: {}]", setting.environment)), "{}", setting.name);
        if let Some(default) = setting.default {
            assert!(plain.contains(&format!("{default} unless given")), "{}", setting.name);
        }
    }
}

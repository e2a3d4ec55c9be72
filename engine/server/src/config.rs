//! The engine's settings: one table of them, and what a configuration file, the environment and flags make of it.
//!
//! A flag stands over the environment, that over the file, that over the default; a list given at one
//! place replaces the list of the place below it whole. Everything wrong is told at once, each with
//! where it was given.

mod cities;
mod collector;
mod keys;
mod retention;
mod sources;
mod watching;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use leadhook_core::{
    fault::{Fault, Faults},
    retention::Retention,
};
use leadhook_sandbox::Limits;
use url::Url;

use crate::logs::{self, LogFormat};
pub(crate) use cities::CityDatabase;
pub(crate) use keys::{
    GivenMasterKeys, KEY_CHARACTERS_MIN, KEY_ENVIRONMENT, KEYS, MASTER_KEY_ENVIRONMENT,
    OPERATOR_KEY_ENVIRONMENT, read_master_key,
};
pub(crate) use sources::{Environment, Origin};
use sources::{Given, Sources};

/// The file that is read when none is named and it is there.
pub(crate) const FILE_DEFAULT: &str = "leadhook.toml";
/// Names the configuration file, as `--config` does.
const FILE_ENVIRONMENT: &str = "LEADHOOK_CONFIG";
/// The longest that a shutdown may take.
const SHUTDOWN_SECONDS_MAX: u64 = 600;

/// One setting: where it can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its name in the file.
    pub(crate) name: &'static str,
    /// Its variable in the environment; a list is separated by commas.
    pub(crate) environment: &'static str,
    /// Its flag.
    pub(crate) flag: &'static str,
    /// What holds unless it is given; `None`: nothing.
    pub(crate) default: Option<&'static str>,
    /// Whether it takes several values.
    pub(crate) many: bool,
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])* $name:ident $value:literal $flag:literal $environment:literal $default:expr, $many:literal;)*) => {
        /// The settings of `leadhook serve`.
        pub(crate) const SETTINGS: &[Setting] = &[$(Setting {
            name: stringify!($name),
            environment: $environment,
            flag: concat!("--", $flag),
            default: $default,
            many: $many,
        },)*];

        /// The settings as flags. They are kept as text, so that all that is wrong can be told at once.
        #[derive(Debug, Clone, Default, clap::Args)]
        pub(crate) struct Flags {
            /// The configuration file (TOML), with the same names as the flags, `_` for `-`;
            /// `leadhook.toml` unless given, where that is there [env: LEADHOOK_CONFIG]
            #[arg(long, value_name = "FILE")]
            config: Option<PathBuf>,
            $(
                $(#[doc = $doc])*
                #[arg(long = $flag, value_name = $value)]
                $name: Vec<String>,
            )*
        }

        impl Flags {
            fn given(&self, name: &str) -> &[String] {
                match name {
                    $(stringify!($name) => &self.$name,)*
                    _ => &[],
                }
            }
        }
    };
}

settings! {
    /// Where the HTTP interface listens; port 0 takes any that is free; 127.0.0.1:8080 unless given
    /// [env: LEADHOOK_LISTEN]
    listen "ADDR:PORT" "listen" "LEADHOOK_LISTEN" Some("127.0.0.1:8080"), false;
    /// The folder in which everything is kept; made where it is not there; ./leadhook-data unless given
    /// [env: LEADHOOK_DATA]
    data "DIR" "data" "LEADHOOK_DATA" Some("./leadhook-data"), false;
    /// A network of one's own that webhooks may be sent to, like 10.1.0.0/16; may be given several
    /// times. Without it only public addresses are sent to
    /// [env: LEADHOOK_ALLOW_DESTINATION]
    allow_destination "CIDR" "allow-destination" "LEADHOOK_ALLOW_DESTINATION" None, true;
    /// A local address to send webhooks from; may be given several times
    /// [env: LEADHOOK_SOURCE_ADDRESS]
    source_address "IP" "source-address" "LEADHOOK_SOURCE_ADDRESS" None, true;
    /// Where this engine is reached from outside, for links to recordings; without it none are sent
    /// [env: LEADHOOK_PUBLIC_URL]
    public_url "URL" "public-url" "LEADHOOK_PUBLIC_URL" None, false;
    /// A file in the MaxMind DB format that knows cities by address, for leads whose source states none; read again
    /// when it changes
    /// [env: LEADHOOK_CITY_DATABASE]
    city_database "FILE" "city-database" "LEADHOOK_CITY_DATABASE" None, false;
    /// The language of the cities' names, where the file has them in it, else English; ru unless given
    /// [env: LEADHOOK_CITY_LANGUAGE]
    city_language "LANGUAGE" "city-language" "LEADHOOK_CITY_LANGUAGE" Some("ru"), false;
    /// How the log is written to standard error: text or json; text unless given
    /// [env: LEADHOOK_LOG_FORMAT]
    log "text|json" "log" "LEADHOOK_LOG_FORMAT" Some("text"), false;
    /// What is logged: error, warn, info, debug or trace, also by part, like info,leadhook_store=debug;
    /// info unless given
    /// [env: LEADHOOK_LOG]
    log_level "LEVEL" "log-level" "LEADHOOK_LOG" Some("info"), false;
    /// How long, in seconds, deliveries under way may take to end at shutdown, 1 to 600; 30 unless given
    /// [env: LEADHOOK_SHUTDOWN_SECONDS]
    shutdown_seconds "N" "shutdown-seconds" "LEADHOOK_SHUTDOWN_SECONDS" Some("30"), false;
    /// After how many days of nothing but failure a webhook is switched off, 1 to 365, or 0 for never; 5 unless given
    /// [env: LEADHOOK_SWITCH_OFF_AFTER_DAYS]
    switch_off_after_days "N" "switch-off-after-days" "LEADHOOK_SWITCH_OFF_AFTER_DAYS" Some("5"), false;
    /// What one call of a plugin or script may use of fuel, in millions (about as many instructions), 1 to 1000;
    /// 50 unless given
    /// [env: LEADHOOK_PLUGIN_FUEL_MILLIONS]
    plugin_fuel_millions "N" "plugin-fuel-millions" "LEADHOOK_PLUGIN_FUEL_MILLIONS" Some("50"), false;
    /// What it may use of time, in milliseconds, 1 to 1000; 50 unless given
    /// [env: LEADHOOK_PLUGIN_DEADLINE_MS]
    plugin_deadline_ms "N" "plugin-deadline-ms" "LEADHOOK_PLUGIN_DEADLINE_MS" Some("50"), false;
    /// What it may use of memory, in MiB, 1 to 256; 64 unless given
    /// [env: LEADHOOK_PLUGIN_MEMORY_MIB]
    plugin_memory_mib "N" "plugin-memory-mib" "LEADHOOK_PLUGIN_MEMORY_MIB" Some("64"), false;
    /// How large what goes into it and what comes out may each be, in KiB, 1 to 1024; 256 unless given
    /// [env: LEADHOOK_PLUGIN_EXCHANGE_KIB]
    plugin_exchange_kib "N" "plugin-exchange-kib" "LEADHOOK_PLUGIN_EXCHANGE_KIB" Some("256"), false;
    /// For how many days leads and their history are kept, 31 to 36500; 730 unless given. Uniqueness looks no further back
    /// [env: LEADHOOK_RETENTION_LEADS_DAYS]
    retention_leads_days "N" "retention-leads-days" "LEADHOOK_RETENTION_LEADS_DAYS" Some("730"), false;
    /// For how many days deliveries that ended are kept, with their attempts, 31 to 36500 and no longer than leads; 365
    /// unless given
    /// [env: LEADHOOK_RETENTION_ATTEMPTS_DAYS]
    retention_attempts_days "N" "retention-attempts-days" "LEADHOOK_RETENTION_ATTEMPTS_DAYS" Some("365"), false;
    /// For how many days the bodies of their requests and of the answers are kept, 31 to 36500 and no longer than they;
    /// as long as they unless given
    /// [env: LEADHOOK_RETENTION_BODIES_DAYS]
    retention_bodies_days "N" "retention-bodies-days" "LEADHOOK_RETENTION_BODIES_DAYS" None, false;
    /// The URL of a collector that takes OpenTelemetry traces by OTLP over HTTP, like http://127.0.0.1:4318; without it none
    /// are made
    /// [env: LEADHOOK_OTLP_ENDPOINT]
    otlp_endpoint "URL" "otlp-endpoint" "LEADHOOK_OTLP_ENDPOINT" None, false;
    /// A file that holds the master key under which secrets are sealed, in the place of LEADHOOK_MASTER_KEY; without both
    /// one is made in the data folder
    /// [env: LEADHOOK_MASTER_KEY_FILE]
    master_key_file "FILE" "master-key-file" "LEADHOOK_MASTER_KEY_FILE" None, false;
    /// A file that holds the master key of before, in the place of LEADHOOK_MASTER_KEY_OLD: what is sealed under it is
    /// sealed anew
    /// [env: LEADHOOK_MASTER_KEY_OLD_FILE]
    master_key_old_file "FILE" "master-key-old-file" "LEADHOOK_MASTER_KEY_OLD_FILE" None, false;
    /// A PEM file with certificates to trust besides the public ones; may be given several times
    /// [env: LEADHOOK_ROOT_CERTIFICATE]
    root_certificate "PEM" "root-certificate" "LEADHOOK_ROOT_CERTIFICATE" None, true;
}

/// What the engine runs with.
#[derive(Clone)]
pub(crate) struct Config {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// The data folder.
    pub(crate) data: PathBuf,
    /// Networks that may be sent to besides the public ones.
    pub(crate) allow_destination: Vec<IpNet>,
    /// Local addresses to send from; empty: the system chooses.
    pub(crate) source_address: Vec<IpAddr>,
    /// Where the engine is reached from outside, without a slash at the end.
    pub(crate) public_url: Option<String>,
    /// What knows cities by address.
    pub(crate) city_database: Option<CityDatabase>,
    /// How the log is written.
    pub(crate) log: LogFormat,
    /// What is logged, as the filter of `logs` reads it.
    pub(crate) log_level: String,
    /// How long deliveries under way may take to end.
    pub(crate) shutdown: Duration,
    /// After how many days of nothing but failure a webhook is switched off; `None`: never.
    pub(crate) switch_off_after_days: Option<u32>,
    /// What one call of a plugin or script may use.
    pub(crate) plugin_limits: Limits,
    /// For how long what happened is kept.
    pub(crate) retention: Retention,
    /// Where traces are posted to.
    pub(crate) otlp_traces: Option<String>,
    /// PEM files with further roots.
    pub(crate) root_certificate: Vec<PathBuf>,
    /// Under which secrets are sealed.
    pub(crate) master_keys: GivenMasterKeys,
    /// The key of the account `default`, where it is given from outside.
    pub(crate) api_key: Option<String>,
    /// The operator's key, where it is given from outside.
    pub(crate) operator_key: Option<String>,
}

/// A setting as it holds, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Its name in the file.
    pub(crate) name: &'static str,
    /// Its values as they were given; `None` where nothing holds.
    pub(crate) value: Option<String>,
    /// Where it was given.
    pub(crate) origin: Origin,
}

/// What reading came to.
pub(crate) struct Loaded {
    /// The settings, or everything that is wrong with them.
    pub(crate) config: Result<Config, Faults>,
    /// Each setting with its origin, also where it is wrong.
    pub(crate) shown: Vec<Shown>,
    /// Variables that look as if they were meant as settings.
    pub(crate) unused: Vec<String>,
}

/// Reads the settings from all their places.
pub(crate) fn load(flags: &Flags, environment: &Environment) -> Loaded {
    let mut sources = Sources::gather(flags, environment);
    let config = read(&mut sources, environment);
    let shown = SETTINGS.iter().map(|setting| sources.shown(setting)).collect();
    let config = match config {
        Some(config) if sources.faults.is_empty() => Ok(config),
        _ => Err(Faults(sources.faults)),
    };
    Loaded { config, shown, unused: environment.unused() }
}

/// Every setting is read before the first `?`, so that one round tells all faults.
fn read(sources: &mut Sources, environment: &Environment) -> Option<Config> {
    let listen = sources.one("listen", |text| {
        text.parse()
            .map_err(|_| "expected an address and a port, like 127.0.0.1:8080 or [::1]:8080".to_owned())
    });
    let data = sources.one("data", |text| match text {
        "" => Err("expected a folder".to_owned()),
        text => Ok(PathBuf::from(text)),
    });
    let allow_destination = sources.many("allow_destination", network);
    let source_address = sources
        .many("source_address", |text| text.parse().map_err(|_| format!("`{text}` is not an IP address")));
    let public_url = sources.optional("public_url", public_url);
    let city_database = cities::city_database(sources);
    let log = sources.one("log", LogFormat::parse);
    let log_level = sources.one("log_level", |text| logs::filter(text).map(|_| text.to_owned()));
    let shutdown = sources.one("shutdown_seconds", |text| {
        whole(text, "seconds", SHUTDOWN_SECONDS_MAX).map(Duration::from_secs)
    });
    let switch_off_after_days = watching::switch_off_after_days(sources);
    let plugin_limits = plugin_limits(sources);
    let retention = retention::retention(sources);
    let otlp_traces = collector::otlp_traces(sources);
    let root_certificate = sources.many("root_certificate", |text| match std::fs::File::open(text) {
        Ok(_) => Ok(PathBuf::from(text)),
        Err(error) => Err(format!("the file {text} cannot be read: {error}")),
    });
    let master_keys = keys::master_keys(sources, environment);
    let api_key = keys::key(sources, environment, KEY_ENVIRONMENT);
    let operator_key = keys::key(sources, environment, OPERATOR_KEY_ENVIRONMENT);
    if let (Some(Some(api)), Some(Some(operator))) = (&api_key, &operator_key)
        && api == operator
    {
        let detail = format!("it is the same as {KEY_ENVIRONMENT}; take another");
        sources.faults.push(Fault::new(OPERATOR_KEY_ENVIRONMENT, "bad_key", detail));
    }
    Some(Config {
        listen: listen?,
        data: data?,
        allow_destination: allow_destination?,
        source_address: source_address?,
        public_url: public_url?,
        city_database: city_database?,
        log: log?,
        log_level: log_level?,
        shutdown: shutdown?,
        switch_off_after_days: switch_off_after_days?,
        plugin_limits: plugin_limits?,
        retention: retention?,
        otlp_traces: otlp_traces?,
        root_certificate: root_certificate?,
        master_keys: master_keys?,
        api_key: api_key?,
        operator_key: operator_key?,
    })
}

/// A whole number from 1 up to the most.
fn whole(text: &str, unit: &str, most: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("expected a whole number of {unit}, 1 to {most}"))
}

/// No more than the sandbox would take.
fn plugin_limits(sources: &mut Sources) -> Option<Limits> {
    const MILLION: u64 = 1_000_000;
    let most = Limits::MAX;
    let fuel =
        sources.one("plugin_fuel_millions", |text| whole(text, "millions of fuel", most.fuel / MILLION));
    let deadline_ms = sources.one("plugin_deadline_ms", |text| whole(text, "milliseconds", most.deadline_ms));
    let memory = sources.one("plugin_memory_mib", |text| whole(text, "MiB", most.memory_bytes >> 20));
    let exchange = sources.one("plugin_exchange_kib", |text| whole(text, "KiB", most.input_bytes >> 10));
    let exchange_bytes = exchange? << 10;
    Some(Limits {
        fuel: fuel? * MILLION,
        deadline_ms: deadline_ms?,
        memory_bytes: memory? << 20,
        input_bytes: exchange_bytes,
        output_bytes: exchange_bytes,
    })
}

/// A block of addresses; one address alone stands for itself.
fn network(text: &str) -> Result<IpNet, String> {
    let one = text.parse::<IpAddr>().map(IpNet::from);
    text.parse()
        .or(one)
        .map_err(|_| format!("`{text}` is not a network; write one like 10.1.0.0/16 or fd00::/8"))
}

fn public_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    let plain = matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
    match plain && url.username().is_empty() && url.password().is_none() && url.host().is_some() {
        true => Ok(url.as_str().trim_end_matches('/').to_owned()),
        false => Err("expected an http or https URL without user name, query and fragment".to_owned()),
    }
}

impl Sources {
    /// The value of a setting that always has one.
    fn one<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        self.optional(name, parse)?
    }

    /// The value of a setting, if it has one; the outer `None` where it is wrong.
    fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        let Some(Given { values, origin }) = self.given(name) else { return Some(None) };
        let [value] = values.as_slice() else {
            self.fault(name, &origin, "given_twice", "give it once");
            return None;
        };
        match parse(value) {
            Ok(value) => Some(Some(value)),
            Err(detail) => {
                self.fault(name, &origin, "bad_value", &detail);
                None
            }
        }
    }

    /// All values of a setting; `None` where any is wrong, after all were read.
    fn many<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        let Some(Given { values, origin }) = self.given(name) else { return Some(Vec::new()) };
        let mut read = Vec::with_capacity(values.len());
        for value in &values {
            match parse(value) {
                Ok(value) => read.push(value),
                Err(detail) => self.fault(name, &origin, "bad_value", &detail),
            }
        }
        (read.len() == values.len()).then_some(read)
    }
}

#[cfg(test)]
mod tests;

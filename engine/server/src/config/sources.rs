//! The places in which settings are given: the file, the environment, the flags; and which of them wins.

use std::{
    collections::{BTreeMap, HashMap},
    fmt, fs, io,
    path::{Path, PathBuf},
};

use leadhook_core::fault::Fault;
use toml::de::{DeTable, DeValue};

use super::{FILE_DEFAULT, FILE_ENVIRONMENT, Flags, KEYS, SETTINGS, Setting, Shown};

/// The most bytes that a configuration file may have.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// What the names of variables begin with.
const PREFIX: &str = "LEADHOOK_";

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nowhere.
    Default,
    /// In the configuration file.
    File {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// In this variable of the environment.
    Environment(&'static str),
    /// As this flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Self::Environment(name) => write!(f, "environment, {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// The variables of the environment that concern the engine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Those of this process.
    pub(crate) fn of_process() -> Self {
        let ours = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
        Self(ours.filter(|(name, _)| name.starts_with(PREFIX)).collect())
    }

    /// The value of a variable; one that is empty counts as not set.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Names with the prefix that no setting has. Not refused: container platforms set such by themselves,
    /// `LEADHOOK_PORT` for a service named leadhook.
    pub(super) fn unused(&self) -> Vec<String> {
        let is_known = |name: &str| {
            name == FILE_ENVIRONMENT
                || KEYS.iter().any(|(_, variable)| *variable == name)
                || SETTINGS.iter().any(|setting| setting.environment == name)
        };
        self.0.keys().filter(|name| !is_known(name)).cloned().collect()
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// The values of one setting, as text, from the place that wins.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) values: Vec<String>,
    pub(super) origin: Origin,
}

/// What was given for all settings, and what is wrong so far.
#[derive(Debug, Default)]
pub(super) struct Sources {
    given: HashMap<&'static str, Given>,
    pub(super) faults: Vec<Fault>,
}

impl Sources {
    /// Reads all places, the one that wins last.
    pub(super) fn gather(flags: &Flags, environment: &Environment) -> Self {
        let mut sources = Self::default();
        let named = flags.config.clone().or_else(|| environment.get(FILE_ENVIRONMENT).map(PathBuf::from));
        sources.read_file(named.as_deref());
        for setting in SETTINGS {
            if let Some(value) = environment.get(setting.environment) {
                let values = match setting.many {
                    true => value.split(',').map(str::trim).filter(|value| !value.is_empty()).collect(),
                    false => vec![value],
                };
                sources.give(setting, values, Origin::Environment(setting.environment));
            }
            let values = flags.given(setting.name);
            if !values.is_empty() {
                let values = values.iter().map(String::as_str).collect();
                sources.give(setting, values, Origin::Flag(setting.flag));
            }
        }
        sources
    }

    /// What holds for a setting; `None` where nothing does.
    pub(super) fn given(&self, name: &'static str) -> Option<Given> {
        let default = || {
            let setting = SETTINGS.iter().find(|setting| setting.name == name)?;
            Some(Given { values: vec![setting.default?.to_owned()], origin: Origin::Default })
        };
        self.given.get(name).cloned().or_else(default)
    }

    /// The same, for people.
    pub(super) fn shown(&self, setting: &Setting) -> Shown {
        let given = self.given(setting.name).unwrap_or(Given { values: Vec::new(), origin: Origin::Default });
        let value = (!given.values.is_empty()).then(|| given.values.join(", "));
        Shown { name: setting.name, value, origin: given.origin }
    }

    /// Notes what is wrong with a setting, under the name it has where it was given.
    pub(super) fn fault(&mut self, name: &'static str, origin: &Origin, code: &str, detail: &str) {
        let place = match origin {
            Origin::Default => name.to_owned(),
            Origin::File { .. } => format!("{name} ({origin})"),
            Origin::Environment(name) | Origin::Flag(name) => (*name).to_owned(),
        };
        self.faults.push(Fault::new(place, code, detail));
    }

    fn give(&mut self, setting: &Setting, values: Vec<&str>, origin: Origin) {
        let values = values.into_iter().map(str::to_owned).collect();
        self.given.insert(setting.name, Given { values, origin });
    }

    /// A file that is named must be there; the one of the default name may be missing.
    fn read_file(&mut self, named: Option<&Path>) {
        let path = named.unwrap_or(Path::new(FILE_DEFAULT));
        let text = match read_bounded(path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                let detail = format!("the configuration file cannot be read: {error}");
                return self.faults.push(Fault::new(path.display().to_string(), "unreadable", detail));
            }
        };
        let (table, errors) = DeTable::parse_recoverable(&text);
        for error in errors {
            let line = error.span().map_or(1, |span| line_of(&text, span.start));
            let place = format!("{}, line {line}", path.display());
            self.faults.push(Fault::new(place, "bad_toml", error.message()));
        }
        for (name, value) in table.get_ref() {
            let line = line_of(&text, name.span().start);
            let origin = Origin::File { path: path.to_owned(), line };
            self.read_field(name.get_ref(), value.get_ref(), origin);
        }
    }

    fn read_field(&mut self, name: &str, value: &DeValue<'_>, origin: Origin) {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
            let names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
            let name: String = name.chars().take(64).collect();
            let detail = format!("there is no setting `{name}`; the settings are `{}`", names.join("`, `"));
            return self.faults.push(Fault::new(format!("{name} ({origin})"), "unknown_field", detail));
        };
        let values = match value {
            DeValue::Array(items) if setting.many => {
                items.iter().map(|item| text_of(item.get_ref())).collect::<Option<Vec<_>>>()
            }
            value => text_of(value).map(|text| vec![text]),
        };
        match values {
            Some(values) => {
                let values = values.iter().map(String::as_str).collect();
                self.give(setting, values, origin);
            }
            None => {
                let wanted = if setting.many { "text or a list of texts" } else { "text or a whole number" };
                let detail = format!("expected {wanted}, got {}", value.type_str());
                self.fault(setting.name, &origin, "wrong_type", &detail);
            }
        }
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    fs::read_to_string(path)
}

fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        _ => None,
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

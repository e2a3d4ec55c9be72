//! Folders of fixtures: sample deliveries with what is to come of them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use leadhook_core::{id::SiteId, plugin::Run, site::Site, time::Timestamp};
use leadhook_sandbox::Plugin;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::{
    TestkitError,
    difference::{Difference, differences},
    sample::{Given, Sample, write_time},
    written::{read_request, read_response, write_request},
};

/// The files that a fixture may have.
const FILES: &[&str] = &[
    "lead.json",
    "events.json",
    "settings.json",
    "site.json",
    "delivery.json",
    "config.json",
    "secrets.json",
    "kv.json",
    "request.json",
    "response.json",
    "limits.json",
    EXPECTED,
];

const EXPECTED: &str = "expected.json";

/// One fixture.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// What the plugin is given.
    pub sample: Sample,
    /// What is to come out; `None` where nobody wrote it down yet.
    pub expected: Option<Json>,
    /// The most fuel that its functions may use together; the engine's limit holds beside it.
    pub fuel_max: Option<u64>,
}

/// How a fixture went.
#[derive(Debug)]
pub struct Checked {
    /// The name of its folder.
    pub name: String,
    /// What became of it.
    pub fate: Fate,
    /// What ran, with fuel, memory, time and log.
    pub runs: Vec<Run>,
}

/// What became of a fixture.
#[derive(Debug, PartialEq)]
pub enum Fate {
    /// It came out as expected.
    Passed,
    /// What came out was written to `expected.json`.
    Written,
    /// It came out otherwise: expected, then what came out.
    Differs(Vec<Difference>),
    /// It used more fuel than its `limits.json` allows.
    TooMuchFuel {
        /// What it used.
        fuel: u64,
        /// What it may use.
        fuel_max: u64,
    },
    /// Its files cannot be used.
    Unusable(String),
}

impl Fate {
    /// Whether there is nothing to complain about.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Passed | Self::Written)
    }
}

/// `delivery.json`: what is told about the delivery.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct About {
    id: Option<String>,
    webhook: Option<String>,
    trigger: Option<String>,
    occurred_at: Option<String>,
    now: Option<String>,
    resend: bool,
    sample: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenLimits {
    fuel_max: Option<u64>,
}

/// Runs a plugin over every fixture of a folder, in the order of their names. With `update` what came out is written
/// to `expected.json` where it differs.
///
/// # Errors
/// When the folder cannot be read or has none, or a file cannot be written. A broken fixture is a [`Fate`].
pub fn check_folder(plugin: &Plugin, folder: &Path, update: bool) -> Result<Vec<Checked>, TestkitError> {
    let entries =
        fs::read_dir(folder).map_err(|source| TestkitError::Read { path: folder.to_owned(), source })?;
    let mut folders: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    if folders.is_empty() {
        return Err(TestkitError::NoFixtures(folder.to_owned()));
    }
    folders.iter().map(|folder| check_one(plugin, folder, update)).collect()
}

fn check_one(plugin: &Plugin, folder: &Path, update: bool) -> Result<Checked, TestkitError> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let fixture = match Fixture::read(folder) {
        Ok(fixture) => fixture,
        Err(error) => {
            return Ok(Checked { name, fate: Fate::Unusable(error.to_string()), runs: Vec::new() });
        }
    };
    let played = fixture.sample.play(plugin);
    let came_out = &played.came_out;
    let found = fixture.expected.as_ref().map(|expected| differences(expected, came_out));
    let fate = match (found, fixture.fuel_max) {
        (Some(found), Some(fuel_max)) if found.is_empty() && played.fuel() > fuel_max => {
            Fate::TooMuchFuel { fuel: played.fuel(), fuel_max }
        }
        (Some(found), _) if found.is_empty() => Fate::Passed,
        _ if update => {
            let path = folder.join(EXPECTED);
            fs::write(&path, format!("{came_out:#}\n"))
                .map_err(|source| TestkitError::Write { path, source })?;
            Fate::Written
        }
        (Some(found), _) => Fate::Differs(found),
        (None, _) => Fate::Unusable(format!("{EXPECTED} is missing; it came out as {came_out}")),
    };
    Ok(Checked { name, fate, runs: played.runs })
}

impl Fixture {
    /// Reads a fixture's folder.
    ///
    /// # Errors
    /// When a file is missing, cannot be read, is none of a fixture's, or does not hold what it should.
    pub fn read(folder: &Path) -> Result<Self, TestkitError> {
        refuse_unknown(folder)?;
        let files = Files(folder);
        let about: About = files.read("delivery.json")?.unwrap_or_default();
        let mut sample = files.sample()?;
        about.tell(&mut sample)?;
        if let Some(request) = files.read::<Json>("request.json")? {
            let request = read_request(&request);
            sample.given =
                Given::Request(request.map_err(|detail| TestkitError::format("request.json", detail))?);
        }
        if let Some(response) = files.read::<Json>("response.json")? {
            let response = read_response(&response);
            sample.given =
                Given::Response(response.map_err(|detail| TestkitError::format("response.json", detail))?);
        }
        sample.config = files.read("config.json")?.unwrap_or(sample.config);
        sample.secrets = files.read("secrets.json")?.unwrap_or_default();
        sample.kv = files.read::<BTreeMap<String, String>>("kv.json")?.unwrap_or_default();
        let limits: WrittenLimits = files.read("limits.json")?.unwrap_or_default();
        Ok(Self { sample, expected: files.expected()?, fuel_max: limits.fuel_max })
    }
}

/// A misspelt name would else go unnoticed.
fn refuse_unknown(folder: &Path) -> Result<(), TestkitError> {
    let entries =
        fs::read_dir(folder).map_err(|source| TestkitError::Read { path: folder.to_owned(), source })?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".json") && !FILES.contains(&name.as_str()) {
            return Err(TestkitError::format(
                &name,
                format!("no fixture has it; there are {}", FILES.join(", ")),
            ));
        }
    }
    Ok(())
}

struct Files<'a>(&'a Path);

impl Files<'_> {
    /// What a file holds; `None` where there is no such file.
    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, TestkitError> {
        let path = self.0.join(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(TestkitError::Read { path, source }),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| TestkitError::format(name, error.to_string()))
    }

    fn sample(&self) -> Result<Sample, TestkitError> {
        match (self.read::<Json>("lead.json")?, self.read::<Json>("events.json")?) {
            (Some(_), Some(_)) => {
                Err(TestkitError::format("events.json", "lead.json is there too; a fixture has one of both"))
            }
            (None, None) => Err(TestkitError::format("lead.json", "it is missing, and so is events.json")),
            (Some(lead), None) => Sample::of_lead(&lead),
            (None, Some(events)) => {
                let events = match events {
                    Json::Array(events) => events,
                    one => vec![one],
                };
                let settings = self.read::<Json>("settings.json")?;
                Sample::of_events(&events, settings.as_ref(), self.site()?.as_ref())
            }
        }
    }

    fn site(&self) -> Result<Option<Site>, TestkitError> {
        let Some(value) = self.read::<Json>("site.json")? else { return Ok(None) };
        let id = value["id"].as_str().and_then(SiteId::new);
        let id = id.ok_or_else(|| TestkitError::format("site.json", "`id` is missing, or is none"))?;
        Site::parse(id, 1, &value)
            .map(Some)
            .map_err(|faults| TestkitError::format("site.json", faults.to_string()))
    }

    /// What is to come out, with what may be left out put in, and times as they are written here.
    fn expected(&self) -> Result<Option<Json>, TestkitError> {
        let mut expected: Option<Json> = self.read(EXPECTED)?;
        let request = expected.as_mut().and_then(|expected| expected.get_mut("send"));
        if let Some(request) = request.filter(|request| request.is_object()) {
            let read = read_request(request);
            *request = write_request(
                &read.map_err(|detail| TestkitError::format(EXPECTED, format!("send: {detail}")))?,
            );
        }
        if let Some(defer) = expected.as_mut().and_then(|expected| expected.get_mut("defer")) {
            let time = defer.as_str().and_then(Timestamp::from_rfc3339);
            let none = || TestkitError::format(EXPECTED, format!("defer: {defer} is no time"));
            *defer = Json::from(write_time(time.ok_or_else(none)?));
        }
        Ok(expected)
    }
}

impl About {
    fn tell(self, sample: &mut Sample) -> Result<(), TestkitError> {
        let time = |text: Option<String>| text.map(|text| read_time(&text)).transpose();
        sample.now_ms = time(self.now)?.unwrap_or(sample.now_ms);
        let delivery = &mut sample.delivery;
        delivery.occurred_at_ms = time(self.occurred_at)?.unwrap_or(sample.now_ms);
        delivery.id = self.id.unwrap_or_else(|| std::mem::take(&mut delivery.id));
        delivery.webhook = self.webhook.unwrap_or_else(|| std::mem::take(&mut delivery.webhook));
        delivery.trigger = self.trigger.unwrap_or_else(|| std::mem::take(&mut delivery.trigger));
        (delivery.resend, delivery.sample) = (self.resend, self.sample);
        Ok(())
    }
}

fn read_time(text: &str) -> Result<u64, TestkitError> {
    let time = Timestamp::from_rfc3339(text).and_then(|time| u64::try_from(time.0).ok());
    time.ok_or_else(|| {
        TestkitError::format("delivery.json", format!("`{text}` is no time; write 2026-03-02T10:00:00Z"))
    })
}

#[cfg(test)]
#[path = "fixture_tests.rs"]
mod tests;

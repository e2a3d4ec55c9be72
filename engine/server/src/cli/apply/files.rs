//! What files ask for: sites by their ids, webhooks by their names; every fault of every file at once.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use leadhook_core::{fault::Faults, id::SiteId, settings::Known, site::Site, webhook::Settings};
use serde_json::{Map, Value};

use super::references::References;
use crate::cli::{files::value_in, send::everywhere};

/// Where something stands: a file, and the path in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    file: String,
    path: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.file),
            path => write!(f, "{}: {path}", self.file),
        }
    }
}

impl Place {
    /// A fault at a path within this place, in words.
    pub(super) fn fault(&self, path: &str, detail: &str) -> String {
        match path {
            "" => format!("{self}: {detail}"),
            path => format!("{self}.{path}: {detail}"),
        }
    }
}

/// A site that is asked for.
#[derive(Debug)]
pub(super) struct WantedSite {
    pub(super) place: Place,
    /// Its settings as the engine answers them, with nothing left out.
    pub(super) settings: Value,
}

/// A webhook that is asked for.
#[derive(Debug)]
pub(super) struct WantedWebhook {
    pub(super) place: Place,
    /// What it is known by.
    pub(super) name: String,
    /// Whether it is to be on; `None`: as it is.
    pub(super) active: Option<bool>,
    /// Its settings, references filled in.
    pub(super) settings: Value,
}

/// All that files ask for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Sites by id; `None` where no file speaks of sites.
    pub(super) sites: Option<BTreeMap<String, WantedSite>>,
    /// Webhooks in the order of the files; `None` where no file speaks of webhooks.
    pub(super) webhooks: Option<Vec<WantedWebhook>>,
}

impl Wanted {
    /// Reads files and folders of files; with every fault of all of them, or all that is asked for.
    pub(super) fn read(paths: &[PathBuf], references: &mut References) -> Result<Self, Vec<String>> {
        let (mut wanted, mut faults) = (Self::default(), Vec::new());
        for path in paths {
            match files_in(path) {
                Ok(files) => files.iter().for_each(|file| wanted.add(file, references, &mut faults)),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(wanted) } else { Err(faults) }
    }

    fn add(&mut self, file: &Path, references: &mut References, faults: &mut Vec<String>) {
        let name = file.display().to_string();
        let whole = Place { file: name.clone(), path: String::new() };
        let mut value = match value_in(file) {
            Ok(value) => value,
            Err(error) => return faults.push(format!("{error:#}")),
        };
        let mut unresolved = Vec::new();
        references.resolve(&mut value, "", &mut unresolved);
        let mut told = Vec::new();
        match value {
            Value::Object(fields) => self.add_fields(fields, &name, &mut told),
            _ => told.push(whole.fault("", "expected `sites` and `webhooks`")),
        }
        // A reference that was not found is no URL and no name either: that is one fault.
        let places: Vec<_> = unresolved.iter().map(|(path, _)| format!("{name}: {path}: ")).collect();
        told.retain(|fault| !places.iter().any(|place| fault.starts_with(place.as_str())));
        faults.extend(places.iter().zip(&unresolved).map(|(place, (_, fault))| format!("{place}{fault}")));
        faults.append(&mut told);
    }

    fn add_fields(&mut self, fields: Map<String, Value>, name: &str, faults: &mut Vec<String>) {
        for (field, value) in fields {
            match (field.as_str(), value) {
                ("sites", Value::Object(sites)) => {
                    let known = self.sites.get_or_insert_default();
                    sites.into_iter().for_each(|(id, site)| add_site(known, name, &id, &site, faults));
                }
                ("webhooks", Value::Array(webhooks)) => {
                    let known = self.webhooks.get_or_insert_default();
                    for (index, webhook) in webhooks.into_iter().enumerate() {
                        let place = Place { file: name.to_owned(), path: format!("webhooks[{index}]") };
                        add_webhook(known, place, webhook, faults);
                    }
                }
                ("sites", _) => faults.push(format!("{name}: sites: expected sites by their ids")),
                ("webhooks", _) => faults.push(format!("{name}: webhooks: expected a list of webhooks")),
                _ => faults.push(format!("{name}: {field}: expected `sites` and `webhooks`, nothing else")),
            }
        }
    }
}

/// A file itself, or the .toml and .json files of a folder by name.
fn files_in(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let entries = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(unreadable)?;
    let is_settings =
        |file: &PathBuf| file.extension().is_some_and(|extension| extension == "toml" || extension == "json");
    let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).filter(is_settings).collect();
    files.sort();
    match files.is_empty() {
        true => Err(format!("{} holds no .toml and no .json file", path.display())),
        false => Ok(files),
    }
}

fn add_site(
    known: &mut BTreeMap<String, WantedSite>,
    file: &str,
    id: &str,
    settings: &Value,
    faults: &mut Vec<String>,
) {
    let place = Place { file: file.to_owned(), path: format!("sites.{id}") };
    let Some(site) = SiteId::new(id) else {
        return faults.push(place.fault("", "a site's id has 1 to 64 characters of A-Z a-z 0-9 . _ -"));
    };
    if let Some(other) = known.get(id) {
        return faults.push(place.fault("", &format!("the site is in {} too", other.place)));
    }
    match Site::parse(site, 1, settings) {
        Ok(site) => {
            known.insert(id.to_owned(), WantedSite { place, settings: site.to_json() });
        }
        Err(told) => tell(&place, &told, faults),
    }
}

fn add_webhook(known: &mut Vec<WantedWebhook>, place: Place, webhook: Value, faults: &mut Vec<String>) {
    let Value::Object(mut fields) = webhook else {
        return faults.push(place.fault("", "expected a webhook's settings"));
    };
    let active = active(&mut fields, &place, faults);
    if !fields.contains_key("name") {
        faults.push(place.fault("name", "a webhook in a file is known by its name; give it one"));
    }
    let settings = Value::Object(fields);
    let addresses = everywhere();
    match Settings::parse(&settings, &Known { addresses: &addresses, account: None }) {
        Ok(parsed) => {
            let name = parsed.name;
            if let Some(other) = known.iter().find(|other| other.name == name) {
                return faults.push(place.fault("name", &format!("{} is `{name}` too", other.place)));
            }
            known.push(WantedWebhook { place, name, active, settings });
        }
        Err(told) => tell(&place, &told, faults),
    }
}

/// Takes `active` off: it is no part of the settings.
fn active(fields: &mut Map<String, Value>, place: &Place, faults: &mut Vec<String>) -> Option<bool> {
    let value = fields.shift_remove("active")?;
    if value.as_bool().is_none() {
        faults.push(place.fault("active", "expected true or false"));
    }
    value.as_bool()
}

fn tell(place: &Place, told: &Faults, faults: &mut Vec<String>) {
    faults.extend(told.0.iter().map(|fault| place.fault(&fault.path, &fault.detail)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Wanted, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let mut references = References::of(&[], &[]);
        let strip = |fault: String| fault.replace(&format!("{}/", folder.path().display()), "");
        Wanted::read(&[folder.path().to_owned()], &mut references)
            .map_err(|faults| faults.into_iter().map(strip).collect())
    }

    #[test]
    fn a_folder_of_files_is_one_wish() {
        let toml = "[sites.60001]\nname = 'Shop'\n[[webhooks]]\nname = 'CRM'\nurl = 'https://crm.example/'\nactive = true";
        let json = r#"{ "webhooks": [{ "name": "Bot", "url": "http://127.0.0.1/" }] }"#;
        let wanted = read(&[("a.toml", toml), ("b.json", json), ("notes.txt", "no settings")]).unwrap();
        let webhooks = wanted.webhooks.unwrap();
        let told: Vec<_> = webhooks.iter().map(|one| (one.name.as_str(), one.active)).collect();
        assert_eq!(told, [("CRM", Some(true)), ("Bot", None)]);
        assert!(webhooks[0].settings.get("active").is_none(), "it is no part of the settings");
        assert_eq!(wanted.sites.unwrap()["60001"].settings["uniqueness_days"], 30, "nothing is left out");
        assert!(read(&[("a.json", "{}")]).unwrap().webhooks.is_none(), "nothing is said of webhooks");
    }

    #[test]
    fn every_fault_of_every_file_is_told_with_its_place() {
        let faults = read(&[
            ("a.toml", "[[webhooks]]\nname = 'A'\nurl = 'nowhere'\nmethod = 'PUT'\nactive = 'yes'"),
            ("b.toml", "[sites.60001]\ncountry = 'ZZZ'\n[sites.'a b']\n[more]\n[[webhooks]]\nurl = 'https://b.example/'"),
            ("c.json", "{ broken"),
            ("d.json", r#"{ "webhooks": {}, "sites": [] }"#),
            ("e.json", r#"{ "webhooks": [{ "name": "A", "url": "https://a.example/" },
                { "name": " A", "url": "https://b.example/?${NO}" }] }"#),
            ("f.json", "[]"),
        ])
        .unwrap_err();
        for beginning in [
            "a.toml: webhooks[0].url: ",
            "a.toml: webhooks[0].method: ",
            "a.toml: webhooks[0].active: expected true or false",
            "b.toml: sites.60001.country: ",
            "b.toml: sites.a b: a site's id",
            "b.toml: more: expected",
            "b.toml: webhooks[0].name: a webhook in a file is known by its name",
            "c.json is not JSON",
            "d.json: webhooks: expected a list",
            "d.json: sites: expected sites by",
            "e.json: webhooks[1].url: the environment has no `NO`",
            "e.json: webhooks[1].name: e.json: webhooks[0] is `A` too",
            "f.json: expected `sites`",
        ] {
            assert!(faults.iter().any(|fault| fault.starts_with(beginning)), "{beginning}\n{faults:#?}");
        }
        let of_url = faults.iter().filter(|fault| fault.starts_with("e.json: webhooks[1].url: "));
        assert_eq!(of_url.count(), 1, "told once: {faults:#?}");
    }
}

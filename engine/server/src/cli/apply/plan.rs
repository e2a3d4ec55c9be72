//! What there is to do: what files ask for, held against what the engine has.

use std::collections::BTreeSet;

use hyper::Method;
use serde_json::{Value, json};

use super::files::{Place, Wanted, WantedWebhook};
use crate::cli::{
    access::Rows,
    client::Client,
    failure::{Exit, Failure},
    listing::Listing,
};

/// What the engine has.
pub(super) struct Present {
    sites: Vec<Value>,
    webhooks: Vec<Value>,
}

impl Present {
    /// Asks for all of it.
    pub(super) async fn read(client: &Client) -> anyhow::Result<Self> {
        let all = Rows::all();
        let sites = Listing { path: "/v1/sites", query: &[], field: "sites", none: "" };
        let webhooks = Listing { path: "/v1/webhooks", query: &[], field: "webhooks", none: "" };
        Ok(Self { sites: sites.rows(client, &all).await?.0, webhooks: webhooks.rows(client, &all).await?.0 })
    }

    fn site(&self, id: &str) -> Option<&Value> {
        self.sites.iter().find(|site| site["id"] == id)
    }
}

/// What a step is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// The site of this id.
    Site(String),
    /// The webhook of this name; its id, where it has one already.
    Webhook { name: String, id: Option<String> },
}

/// What is done about it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    /// It is made with these settings.
    Create(Value),
    /// It is of this revision, and gets these settings.
    Change { revision: u64, settings: Value, differences: Vec<Difference> },
    /// Its settings are as asked for.
    Unchanged,
    /// It is in no file, and stays.
    Extra,
    /// It is in no file, of this revision, and goes.
    Delete { revision: u64 },
}

/// Where settings differ.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    /// The path.
    pub(super) path: String,
    /// What stands there; `None`: nothing.
    pub(super) now: Option<Value>,
    /// What is to stand there.
    pub(super) then: Option<Value>,
}

/// One thing that is or is not to be done.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) subject: Subject,
    /// Where it is asked for; `None` for what is in no file.
    pub(super) place: Option<Place>,
    pub(super) act: Act,
    /// Whether a webhook is switched on (or off), after it was saved.
    pub(super) switch: Option<bool>,
}

impl Step {
    /// Whether anything is done.
    pub(super) fn is_change(&self) -> bool {
        self.switch.is_some() || matches!(self.act, Act::Create(_) | Act::Change { .. } | Act::Delete { .. })
    }
}

/// All steps, in the order in which they are taken: what webhooks may name is there before them, and goes after them.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
}

impl Plan {
    /// Holds what is asked for against what is there. Faults are webhooks of the engine that a name does not tell apart.
    pub(super) fn make(wanted: Wanted, present: &Present, prune: bool) -> Result<Self, Vec<String>> {
        let (mut steps, mut faults) = (Vec::new(), Vec::new());
        let (speaks_of_sites, speaks_of_webhooks) = (wanted.sites.is_some(), wanted.webhooks.is_some());
        let sites = wanted.sites.unwrap_or_default();
        let site_ids: BTreeSet<_> = sites.keys().cloned().collect();
        for (id, site) in sites {
            let act = match present.site(&id) {
                None => Act::Create(site.settings),
                Some(there) => changed(there, &without_revision(there), without_revision(&site.settings)),
            };
            steps.push(Step { subject: Subject::Site(id), place: Some(site.place), act, switch: None });
        }
        let webhooks = wanted.webhooks.unwrap_or_default();
        let names: BTreeSet<_> = webhooks.iter().map(|webhook| webhook.name.clone()).collect();
        for webhook in webhooks {
            match webhook_step(webhook, present) {
                Ok(step) => steps.push(step),
                Err(fault) => faults.push(fault),
            }
        }
        for webhook in &present.webhooks {
            let name = webhook["name"].as_str().unwrap_or_default();
            if !names.contains(name) {
                let id = webhook["id"].as_str().map(str::to_owned);
                let subject = Subject::Webhook { name: name.to_owned(), id };
                steps.push(left_over(subject, webhook, prune && speaks_of_webhooks));
            }
        }
        for site in &present.sites {
            let id = site["id"].as_str().unwrap_or_default();
            if !site_ids.contains(id) {
                steps.push(left_over(Subject::Site(id.to_owned()), site, prune && speaks_of_sites));
            }
        }
        if faults.is_empty() { Ok(Self { steps }) } else { Err(faults) }
    }

    /// Whether anything is to be done.
    pub(super) fn has_changes(&self) -> bool {
        self.steps.iter().any(Step::is_change)
    }

    /// Asks the engine whether it takes the settings of webhooks: what may be sent to, and which plugins and secrets there
    /// are, only it knows. Nothing is stored. The faults, with their places.
    pub(super) async fn check(&self, client: &Client) -> anyhow::Result<Vec<String>> {
        let mut faults = Vec::new();
        for step in &self.steps {
            let (Act::Create(settings) | Act::Change { settings, .. }, Subject::Webhook { .. }, Some(place)) =
                (&step.act, &step.subject, &step.place)
            else {
                continue;
            };
            let asked = client.send(Method::POST, "/v1/preview", &json!({ "webhook": settings })).await;
            let Err(error) = asked else { continue };
            match error.downcast_ref::<Failure>() {
                Some(failure) if failure.exit == Exit::Refused => {
                    faults.extend(faults_of_settings(&failure.problem, place));
                }
                _ => return Err(error),
            }
        }
        Ok(faults)
    }
}

/// Those faults of a preview that are about the settings.
fn faults_of_settings(problem: &Value, place: &Place) -> Vec<String> {
    let told = problem["errors"].as_array().into_iter().flatten();
    told.filter_map(|fault| {
        let path = fault["path"].as_str()?.strip_prefix("webhook")?;
        let detail = fault["detail"].as_str().unwrap_or_default();
        Some(place.fault(path.trim_start_matches('.'), detail))
    })
    .collect()
}

fn webhook_step(wanted: WantedWebhook, present: &Present) -> Result<Step, String> {
    let WantedWebhook { place, name, active, settings } = wanted;
    let mut there = present.webhooks.iter().filter(|webhook| webhook["name"] == name.as_str());
    let (first, second) = (there.next(), there.next());
    if let (Some(first), Some(second)) = (first, second) {
        let ids = [first, second].map(|webhook| webhook["id"].as_str().unwrap_or_default());
        let detail = format!(
            "more than one webhook has this name, {} and {} among them; rename or delete all but one",
            ids[0], ids[1]
        );
        return Err(place.fault("name", &detail));
    }
    let id = first.and_then(|webhook| webhook["id"].as_str()).map(str::to_owned);
    let is_active = first.is_some_and(|webhook| webhook["active"] == true);
    let act = match first {
        None => Act::Create(settings),
        Some(there) => changed(there, &there["settings"], settings),
    };
    let switch = active.filter(|active| *active != is_active);
    Ok(Step { subject: Subject::Webhook { name, id }, place: Some(place), act, switch })
}

fn left_over(subject: Subject, there: &Value, is_pruned: bool) -> Step {
    let act = match is_pruned {
        true => Act::Delete { revision: revision(there) },
        false => Act::Extra,
    };
    Step { subject, place: None, act, switch: None }
}

/// What becomes of something that is there, of these settings, when others are asked for.
fn changed(there: &Value, now: &Value, then: Value) -> Act {
    let mut differences = Vec::new();
    differ("", Some(now), Some(&then), &mut differences);
    match differences.is_empty() {
        true => Act::Unchanged,
        false => Act::Change { revision: revision(there), settings: then, differences },
    }
}

pub(super) fn revision(there: &Value) -> u64 {
    there["revision"].as_u64().unwrap_or(0)
}

/// A site as settings: its revision is no part of them.
fn without_revision(site: &Value) -> Value {
    let mut site = site.clone();
    if let Value::Object(fields) = &mut site {
        fields.shift_remove("revision");
    }
    site
}

/// Notes where two values differ, as deep as both have fields.
fn differ(path: &str, now: Option<&Value>, then: Option<&Value>, differences: &mut Vec<Difference>) {
    match (now, then) {
        (Some(Value::Object(now)), Some(Value::Object(then))) => {
            let names: BTreeSet<_> = now.keys().chain(then.keys()).collect();
            for name in names {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                differ(&path, now.get(name), then.get(name), differences);
            }
        }
        (now, then) if now == then => {}
        (now, then) => {
            let (now, then) = (now.cloned(), then.cloned());
            differences.push(Difference { path: path.to_owned(), now, then });
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;

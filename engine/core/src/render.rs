//! Rendering: from a lead and a webhook's settings to the request that is owed, or the reason why none is sent.

mod changed;
mod sketch;

use crate::{
    attribution::Traffic,
    catalogue::Parameter,
    delivery::{Fingerprints, Rendering, Request},
    encode::{self, Pair},
    event::Trigger,
    extra,
    filter::{self, Filtered},
    id::DeliveryId,
    lead::{Lead, LeadKind},
    parameter::{self, Keys, Value, Valued, View},
    site::Site,
    time::Timestamp,
    webhook::Settings,
};

pub use sketch::{Kept, Sketch, filtered_sketch, sketch, sketch_again};

/// What every request names itself as.
pub const USER_AGENT: &str = concat!("leadhook/", env!("CARGO_PKG_VERSION"));

/// All that one rendering is made from.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The delivery that is rendered.
    pub delivery: DeliveryId,
    /// What fired.
    pub trigger: Trigger,
    /// The lead at the version that is rendered.
    pub lead: &'a Lead,
    /// Its site as it is now.
    pub site: &'a Site,
    /// The webhook's settings.
    pub settings: &'a Settings,
    /// Which revision of them.
    pub revision: u32,
    /// The sums of the last delivered delivery of the lane; `None` when nothing was delivered yet.
    pub previous: Option<&'a Fingerprints>,
    /// Whether another delivery of the lane may follow, and compare with what this one sends.
    pub lane_goes_on: bool,
    /// The account's keys.
    pub keys: &'a Keys,
    /// The time of the rendering.
    pub now: Timestamp,
}

/// What a rendering comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendered {
    /// This is sent.
    Request(Rendering),
    /// A filter holds it back, for this reason.
    Skipped(String),
}

/// Filters a delivery, and renders it if it passes.
pub fn render(scene: &Scene<'_>) -> Rendered {
    let traffic = Traffic::of(scene.lead, scene.settings.attribution);
    let view = scene.view(&traffic);
    match verdict(&view) {
        Some(reason) => Rendered::Skipped(reason),
        None => Rendered::Request(rendering(scene, Draft::of(&view, scene))),
    }
}

/// Renders a delivery that no filter is asked about.
pub fn render_unfiltered(scene: &Scene<'_>) -> Rendering {
    let traffic = Traffic::of(scene.lead, scene.settings.attribution);
    rendering(scene, Draft::of(&scene.view(&traffic), scene))
}

impl<'a> Scene<'a> {
    /// The scene as values look at it, before it is known what changed.
    pub(crate) fn view<'v>(&self, traffic: &'v Traffic<'v>) -> View<'v>
    where
        'a: 'v,
    {
        View {
            delivery: self.delivery,
            trigger: self.trigger,
            lead: self.lead,
            site: self.site,
            settings: self.settings,
            keys: self.keys,
            now: self.now,
            traffic,
            changed_fields: None,
        }
    }
}

/// Why the settings' filters hold the delivery back; `None` when it passes.
pub(crate) fn verdict(view: &View<'_>) -> Option<String> {
    let lead = view.lead;
    let (unique, target, unique_target) = match lead.reference.kind {
        LeadKind::Call => (Parameter::Unique, Parameter::TargetCall, Parameter::UniqTargetCall),
        LeadKind::Request => {
            (Parameter::UniqueRequest, Parameter::TargetRequest, Parameter::UniqTargetRequest)
        }
    };
    let as_sent = |parameter| match parameter::value(parameter, view).value {
        Value::Text(text) => text.into_owned(),
        Value::Absent | Value::List { .. } => String::new(),
    };
    let tags = lead.facts.keys().filter(|parameter| parameter.is_tags());
    filter::verdict(&Filtered {
        settings: view.settings,
        trigger: view.trigger,
        site: &lead.reference.site,
        kind: lead.reference.kind,
        unique: as_sent(unique) == "true",
        target: as_sent(target) == "target",
        unique_target: as_sent(unique_target) == "uniqtarget",
        tags: tags.flat_map(|parameter| lead.tags(*parameter)).map(String::as_str).collect(),
        traffic_value: &as_sent,
    })
}

/// One selected parameter with the name it is sent under and its value.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) parameter: Parameter,
    pub(crate) sent_as: &'a str,
    pub(crate) valued: Valued<'a>,
}

/// The values of the selected parameters, before they are encoded.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) entries: Vec<Entry<'a>>,
    extra: Vec<&'a (String, String)>,
    fingerprints: Option<Fingerprints>,
    /// The names of what changed; `None` when nothing was delivered in the lane yet.
    changed: Option<String>,
}

impl<'a> Draft<'a> {
    /// Values everything that the settings select and the lead's kind has, and finds what changed since the lane's
    /// last delivered delivery.
    pub(crate) fn of(view: &View<'a>, scene: &Scene<'_>) -> Self {
        let draft = Self::unchanged(view, scene);
        let changed = match (scene.previous, &draft.fingerprints) {
            (Some(previous), Some(fingerprints)) => {
                Some(changed::names(&draft.entries, fingerprints, previous))
            }
            _ => None,
        };
        draft.told(view, changed)
    }

    /// The same where it is known from an earlier rendering what had changed.
    pub(crate) fn again(view: &View<'a>, scene: &Scene<'_>, changed: Option<&str>) -> Self {
        Self::unchanged(view, scene).told(view, changed.map(str::to_owned))
    }

    fn unchanged(view: &View<'a>, scene: &Scene<'_>) -> Self {
        let kind = view.lead.reference.kind;
        let selected = view.settings.parameters.iter().filter(|(parameter, _)| parameter.exists_for(kind));
        let valued = |(parameter, sent_as): &'a (Parameter, String)| Entry {
            parameter: *parameter,
            sent_as,
            valued: parameter::value(*parameter, view),
        };
        let mut entries = Vec::with_capacity(view.settings.parameters.len());
        entries.extend(selected.map(valued));
        let compares = scene.lane_goes_on || scene.previous.is_some();
        let fingerprints = compares.then(|| changed::fingerprints(&entries));
        Self { extra: extra(view, &entries), entries, fingerprints, changed: None }
    }

    /// What changed is told last, since all other values must be known for it.
    fn told(mut self, view: &View<'a>, changed: Option<String>) -> Self {
        if let Some(names) = &changed {
            let view = View { changed_fields: Some(names), ..*view };
            for entry in self.entries.iter_mut().filter(|entry| entry.parameter == Parameter::ChangedFields) {
                entry.valued = parameter::value(entry.parameter, &view).into_owned();
            }
        }
        Self { changed, ..self }
    }

    fn pairs(&self) -> Vec<Pair<'_>> {
        let values = self.entries.iter().map(|entry| (entry.parameter, entry.sent_as, &entry.valued.value));
        encode::pairs(values, self.extra.iter().copied())
    }
}

/// What the lead has beyond the catalogue, but for names under which a parameter is sent.
fn extra<'a>(view: &View<'a>, entries: &[Entry<'_>]) -> Vec<&'a (String, String)> {
    if !view.settings.sends_extra {
        return Vec::new();
    }
    let is_taken = |name: &str| entries.iter().any(|entry| entry.sent_as == extra::root(name));
    view.lead.extra.iter().filter(|(name, _)| !is_taken(name)).collect()
}

/// The rendering of a draft as it is.
pub(crate) fn rendering(scene: &Scene<'_>, draft: Draft<'_>) -> Rendering {
    let settings = scene.settings;
    let request = encode::request(settings.method, settings.url.as_str(), headers(settings), &draft.pairs());
    rendered(scene, request, draft.fingerprints, draft.changed)
}

/// A request, with what is kept beside it.
fn rendered(
    scene: &Scene<'_>,
    request: Request,
    fingerprints: Option<Fingerprints>,
    changed_fields: Option<String>,
) -> Rendering {
    Rendering {
        warnings: encode::warnings(&request),
        request,
        at: scene.now,
        revision: scene.revision,
        site_revision: scene.site.revision,
        lead_version: scene.lead.version,
        fingerprints,
        changed_fields,
    }
}

/// The engine's headers, then the customer's own, which stand in place of the engine's where they are the same.
fn headers(settings: &Settings) -> Vec<(String, String)> {
    let is_own = |name: &str| settings.headers.iter().any(|(own, _)| own == name);
    [("accept", "*/*"), ("user-agent", USER_AGENT)]
        .into_iter()
        .filter(|(name, _)| !is_own(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .chain(settings.headers.iter().cloned())
        .collect()
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

//! A request before it is encoded, for a chain of plugins to rewrite.

use super::{Draft, Scene, headers, rendered, verdict};
use crate::{
    attribution::Traffic,
    delivery::{Fingerprints, Rendering},
    encode::{Body, Unencoded},
    lead_json,
    parameter::View,
};

/// The request that the settings make of a lead, and the lead as plugins read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    /// The request as the chain gets it.
    pub request: Unencoded,
    /// The lead as JSON text.
    pub lead: String,
    /// What is kept beside the request that comes of it.
    pub kept: Kept,
}

/// What is kept beside a request once its chain has rewritten it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    fingerprints: Option<Fingerprints>,
    changed: Option<String>,
}

/// Renders a delivery up to where its chain begins, if it passes the settings' filters.
///
/// # Errors
///
/// Why they hold it back.
pub fn filtered_sketch(scene: &Scene<'_>) -> Result<Sketch, String> {
    let traffic = Traffic::of(scene.lead, scene.settings.attribution);
    let view = scene.view(&traffic);
    match verdict(&view) {
        Some(reason) => Err(reason),
        None => Ok(sketched(scene, &view, Draft::of(&view, scene))),
    }
}

/// Renders a delivery up to where its chain begins. No filter is asked.
pub fn sketch(scene: &Scene<'_>) -> Sketch {
    let traffic = Traffic::of(scene.lead, scene.settings.attribution);
    let view = scene.view(&traffic);
    sketched(scene, &view, Draft::of(&view, scene))
}

/// The same for a delivery that was rendered before, with what was found to have changed then: what the lane delivered
/// since does not count. The scene's `previous` is not looked at.
pub fn sketch_again(scene: &Scene<'_>, changed_fields: Option<&str>) -> Sketch {
    let traffic = Traffic::of(scene.lead, scene.settings.attribution);
    let view = scene.view(&traffic);
    sketched(scene, &view, Draft::again(&view, scene, changed_fields))
}

fn sketched(scene: &Scene<'_>, view: &View<'_>, draft: Draft<'_>) -> Sketch {
    let view = View { changed_fields: draft.changed.as_deref(), ..*view };
    let lead = lead_json::text(&view, &draft.entries);
    let pairs = draft.pairs().into_iter().map(|(name, value)| (name.into_owned(), value.into_owned()));
    let settings = scene.settings;
    let request = Unencoded {
        method: settings.method,
        url: settings.url.as_str().to_owned(),
        headers: headers(settings),
        body: Body::Form(pairs.collect()),
    };
    Sketch { request, lead, kept: Kept { fingerprints: draft.fingerprints, changed: draft.changed } }
}

impl Kept {
    /// What the chain made of the request, encoded, with what is kept beside it.
    pub fn rendering(self, scene: &Scene<'_>, request: Unencoded) -> Rendering {
        rendered(scene, request.encode(), self.fingerprints, self.changed)
    }
}

//! Replay: a stored delivery rendered again, to see that the same bytes come out. Nothing is sent.

use leadhook_core::{
    delivery::{Delivery, Rendering, Request},
    id::{AccountId, DeliveryId},
    outcome::Outcome,
    plugin::Run,
    replay::{Difference, differences},
};
use leadhook_sandbox::chain::End;
use leadhook_store::Result;

use crate::{
    again::{Then, Unrepeatable},
    engine::{Engine, Shared},
};

/// A delivery rendered again.
#[derive(Debug)]
pub struct Replay {
    /// The delivery as it is stored.
    pub delivery: Delivery,
    /// One for each of its renderings, in their order.
    pub renderings: Vec<Replayed>,
}

/// A rendering made again.
#[derive(Debug)]
pub struct Replayed {
    /// What came of it.
    pub again: Again,
    /// What plugins and scripts did this time.
    pub runs: Vec<Run>,
}

/// What came of rendering again.
#[derive(Debug)]
pub enum Again {
    /// A request.
    Request {
        /// As it came out.
        request: Request,
        /// How it differs from the recorded one; nothing where it is the same byte for byte.
        differences: Vec<Difference>,
    },
    /// A plugin kept it back, which it did not do then. Why, in words.
    Withheld(String),
    /// It cannot be rendered again.
    Impossible(Unrepeatable),
}

impl Replay {
    /// Whether there is a request and each came out the same byte for byte.
    pub fn is_same(&self) -> bool {
        !self.renderings.is_empty() && self.renderings.iter().all(Replayed::is_same)
    }
}

impl Replayed {
    /// Whether it came out the same byte for byte.
    pub fn is_same(&self) -> bool {
        matches!(&self.again, Again::Request { differences, .. } if differences.is_empty())
    }
}

impl Engine {
    /// Renders a delivery again, each rendering from what it was made from then, and compares. Nothing is sent or
    /// stored; `None` when there is no such delivery.
    pub async fn replay(&self, account: AccountId, id: DeliveryId) -> Result<Option<Replay>> {
        let Some(shown) = self.store().delivery(account, id).await? else { return Ok(None) };
        let delivery = shown.delivery;
        let mut renderings = Vec::with_capacity(delivery.renderings.len());
        for rendering in &delivery.renderings {
            renderings.push(replay_one(self.shared(), account, &delivery, rendering).await?);
        }
        Ok(Some(Replay { delivery, renderings }))
    }
}

async fn replay_one(
    shared: &Shared,
    account: AccountId,
    delivery: &Delivery,
    rendering: &Rendering,
) -> Result<Replayed> {
    let impossible = |why| Replayed { again: Again::Impossible(why), runs: Vec::new() };
    if !rendering.has_body() {
        return Ok(impossible(Unrepeatable::BodyGone));
    }
    let then = match Then::of(shared, account, delivery, rendering).await? {
        Ok(then) => then,
        Err(why) => return Ok(impossible(why)),
    };
    let scene = then.scene(delivery, false, rendering.at);
    let sketch = then.sketch(delivery, &scene);
    let (end, runs) = match then.pass(shared, delivery, &sketch).await {
        Ok(passed) => passed,
        Err(why) => return Ok(impossible(why)),
    };
    let again = match end {
        End::Send(request) => {
            let request = sketch.kept.rendering(&scene, request).request;
            Again::Request { differences: differences(&rendering.request, &request), request }
        }
        End::Skip { reason } => Again::Withheld(reason),
        End::Defer { until } => Again::Withheld(format!("a plugin put it off until {}", until.to_rfc3339())),
        End::Failed { plugin, broken } => {
            let failed = Outcome::Withheld { plugin, kind: broken.kind, detail: broken.detail };
            Again::Withheld(failed.summary())
        }
    };
    Ok(Replayed { again, runs })
}

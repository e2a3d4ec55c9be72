//! Recordings behind links: what a token opens at this moment, and the keys that sign tokens.

use std::{fmt, sync::Arc};

use leadhook_core::{
    catalogue::Parameter,
    id::AccountId,
    parameter::recording::{Closed, Token},
};
use leadhook_store::{KeyRotated, Result};

use crate::engine::{Engine, carry_through};

/// What a token opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linked {
    /// This recording.
    Recording(Recording),
    /// Nothing any more: the time of the link is over.
    Expired,
    /// Nothing, and nobody is told why: it is not ours, or what it opened is gone or forbidden by now.
    Nothing,
}

/// A lead's recording, where it lies.
#[derive(Clone, PartialEq, Eq)]
pub struct Recording {
    /// Whose.
    pub account: AccountId,
    /// The id of the delivery that bore the link.
    pub delivery: String,
    /// Its address, as the source stated it. Such addresses often open by themselves, so it is not shown and not
    /// logged.
    pub origin: String,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("delivery", &self.delivery).finish_non_exhaustive()
    }
}

impl Engine {
    /// What a link's token opens now: the recording as the lead has it now, where the site as it is now allows links.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn recording(&self, token: &str) -> Result<Linked> {
        let Some(token) = Token::read(token) else { return Ok(Linked::Nothing) };
        let (store, now, account) = (self.store(), self.now(), token.key.account);
        let keys = store.recording_keys(account).await?;
        // A retired key may be retired because it leaked: it does not open for longer than its own links last.
        let key = keys.iter().find(|key| key.number == token.key.number && key.opens_at(now));
        let opened = match key.map(|key| token.open(&key.secret, now)) {
            Some(Ok(opened)) => opened,
            Some(Err(Closed::Expired)) => return Ok(Linked::Expired),
            Some(Err(Closed::Forged)) | None => return Ok(Linked::Nothing),
        };
        let site = store.site(account, &opened.lead.site).await?;
        if site.is_none_or(|site| !site.allow_reclink) {
            return Ok(Linked::Nothing);
        }
        let lead = store.lead(account, &opened.lead).await?;
        let origin = lead.as_ref().and_then(|(lead, _)| lead.text(Parameter::RecLink));
        Ok(match origin {
            Some(origin) => {
                Linked::Recording(Recording { account, delivery: opened.delivery, origin: origin.to_owned() })
            }
            None => Linked::Nothing,
        })
    }

    /// Makes another key, which signs the account's links from now on; those before open as long as they would have.
    ///
    /// # Errors
    /// When the store did not take it.
    pub async fn rotate_recording_key(&self, account: AccountId) -> Result<KeyRotated> {
        let shared = Arc::clone(self.shared());
        carry_through(async move {
            let rotated =
                shared.store.rotate_recording_key(account, rand::random(), shared.clock.now()).await;
            // Also after a failure: whether it was stored is not known then.
            shared.keys.forget(account);
            rotated
        })
        .await
    }
}

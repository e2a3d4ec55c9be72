//! What a rendering was made from.

use leadhook_core::{lead::Lead, site::Site, webhook::Settings};

/// What a rendering was made from, in the versions that it names; `None` for what is not kept any more.
#[derive(Debug, Clone)]
pub struct RenderedFrom {
    /// The lead.
    pub lead: Option<Lead>,
    /// The site.
    pub site: Option<Site>,
    /// The webhook's settings.
    pub settings: Option<Settings>,
}

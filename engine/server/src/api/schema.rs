//! How settings, sites and events look, for the API's description. Core reads them field by field, so that every
//! fault is told at once; a test holds that these types have the same fields.

#[expect(dead_code, reason = "only the derived schema is used; the fields are what core reads")]
pub(super) mod event;
#[expect(dead_code, reason = "only the derived schema is used; the fields are what core reads")]
pub(super) mod settings;
#[expect(dead_code, reason = "only the derived schema is used; the fields are what core reads")]
pub(super) mod site;

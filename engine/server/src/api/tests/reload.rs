//! The configuration is read again for the operator, and for nobody else.

use leadhook_core::fault::{Fault, Faults};

use super::*;
use crate::api::{Reload, Reloaded};

/// A configuration that was given anew once, and then has a fault.
#[derive(Debug, Default)]
struct Scripted(AtomicU16);

impl Reload for Scripted {
    fn reload(&self) -> Result<Reloaded, Faults> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(Reloaded {
                changed: vec!["log_level".to_owned()],
                needs_restart: vec!["listen".to_owned()],
            }),
            _ => Err(Fault::new("log_level", "bad_value", "`loud` is no level").into()),
        }
    }
}

#[tokio::test]
async fn the_operator_is_told_what_changed_or_what_is_wrong() {
    let reload: Option<Arc<dyn Reload>> = Some(Arc::<Scripted>::default());
    let world = World::with(ApiSettings { reload, ..ApiSettings::default() }).await;
    let refused = world.raw_as(KEY, "POST", "/v1/reload", &[], "").await;
    refused.is_problem(403, "operator_key_needed");
    let told = world.raw_as(OPERATOR_KEY, "POST", "/v1/reload", &[], "").await;
    assert_eq!(told.body, json!({"changed": ["log_level"], "needs_restart": ["listen"]}));
    let wrong = world.raw_as(OPERATOR_KEY, "POST", "/v1/reload", &[], "").await;
    assert_eq!(wrong.is_problem(422, "bad_configuration").faults(), [("log_level", "bad_value")]);
}

#[tokio::test]
async fn without_a_configuration_none_is_read() {
    let world = World::new().await;
    world.raw_as(OPERATOR_KEY, "POST", "/v1/reload", &[], "").await.is_problem(409, "no_configuration");
}

//! Switches off webhooks that have done nothing but fail for days (the contract, "Notifications").

use leadhook_core::{
    time::{DAY_MS, Timestamp},
    webhook::Webhook,
};

use crate::{deliver::switch_off, engine::Shared};

/// Switches a webhook off that has done nothing but fail since `since` for as long as the limits say. It is told of only
/// when a handler was asked and failed once more, so one that is asked seldom is not switched off while nobody asks it.
pub(crate) async fn switch_off_where_too_long(shared: &Shared, webhook: &Webhook, since: Option<Timestamp>) {
    let (Some(days), Some(since)) = (shared.limits().switch_off_after_days, since) else { return };
    if since.plus_ms(i64::from(days) * DAY_MS) <= shared.clock.now() {
        let since = since.to_rfc3339();
        let reason = format!("the handler has done nothing but fail for {days} days, since {since}");
        switch_off(shared, webhook, reason).await;
    }
}

//! Commands that are noted with what they change.

use std::sync::Arc;

use leadhook_core::{
    id::{AccountId, DeliveryId, ResendId, WebhookId},
    resend::Wanted,
    time::Timestamp,
    webhook::{Settings, Switch, Webhook},
};
use leadhook_store::{ByHand, ResendBegun, Resends as _, Result, Saved, Stepped, Store as _};

use super::{SimStore, mutate, never, now};
use crate::{history::What, world::Doubt};

impl SimStore {
    pub(super) async fn creating(
        &self,
        account: AccountId,
        id: WebhookId,
        settings: Settings,
        now: Timestamp,
    ) -> Result<Arc<Webhook>> {
        let settings = mutate::settings(&self.world, settings);
        let inner = Arc::clone(&self.inner);
        self.changing(account, id, async move { inner.create_webhook(account, id, settings, now).await })
            .await
    }

    pub(super) async fn saving(
        &self,
        account: AccountId,
        id: WebhookId,
        settings: Settings,
        expected: Option<u32>,
        now: Timestamp,
    ) -> Result<Saved> {
        let settings = mutate::settings(&self.world, settings);
        let inner = Arc::clone(&self.inner);
        self.changing(
            account,
            id,
            async move { inner.save_webhook(account, id, settings, expected, now).await },
        )
        .await
    }

    pub(super) async fn switching(
        &self,
        account: AccountId,
        id: WebhookId,
        switch: Switch,
    ) -> Result<Option<Arc<Webhook>>> {
        let inner = Arc::clone(&self.inner);
        self.changing(account, id, async move { inner.switch_webhook(account, id, switch).await }).await
    }

    pub(super) async fn switching_off(
        &self,
        account: AccountId,
        id: WebhookId,
        reason: String,
        now: Timestamp,
    ) -> Result<Option<Arc<Webhook>>> {
        let inner = Arc::clone(&self.inner);
        self.changing(account, id, async move { inner.switch_webhook_off(account, id, reason, now).await })
            .await
    }

    pub(super) async fn bringing_forward(
        &self,
        account: AccountId,
        webhook: WebhookId,
        now: Timestamp,
        most: usize,
        spacing_ms: u32,
    ) -> Result<usize> {
        let brought = self.inner.bring_retries_forward(account, webhook, now, most, spacing_ms);
        let answer = self.plain(brought).await;
        self.world.note(What::BroughtForward { account, webhook });
        answer
    }

    pub(super) async fn sending_now(
        &self,
        account: AccountId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<ByHand> {
        self.by_hand(account, id, self.inner.send_now(account, id, now)).await
    }

    pub(super) async fn cancelling(
        &self,
        account: AccountId,
        id: DeliveryId,
        reason: String,
        now: Timestamp,
    ) -> Result<ByHand> {
        self.by_hand(account, id, self.inner.cancel(account, id, reason, now)).await
    }

    pub(super) async fn resending(
        &self,
        account: AccountId,
        wanted: Wanted,
        now: Timestamp,
    ) -> Result<ResendBegun> {
        self.pause(10).await;
        let (webhook, doubt) = (wanted.webhook, Doubt::Resend { account, wanted: wanted.clone() });
        let begun = self.inner.begin_resend(account, wanted.clone(), now);
        let Some(answer) = self.carry_out(Some(doubt), begun) else { return never().await };
        if let Ok(ResendBegun::Begun(resend)) = &answer {
            self.world.note(What::ResendBegun { account, webhook, wanted, id: Some(resend.id) });
        }
        self.pause(10).await;
        answer
    }

    pub(super) async fn stepping(&self, account: AccountId, id: ResendId, now: Timestamp) -> Result<Stepped> {
        self.plain(mutate::step_resend(self, account, id, now)).await
    }

    pub(super) async fn closing(&self) {
        now(self.inner.close());
    }
}

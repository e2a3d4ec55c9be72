//! Tells an account's people what they should know without asking.

use leadhook_core::{id::AccountId, notification::News, time::Timestamp};
use leadhook_store::Store;

/// Keeps the news for whoever looks. What the store cannot take is in the log alone: nothing waits for it.
pub(crate) async fn notify(store: &dyn Store, account: AccountId, news: News, now: Timestamp) {
    let (kind, webhook) = (news.kind(), news.webhook());
    if let Err(error) = store.notify(account, news, now).await {
        tracing::error!(%error, %kind, %webhook, "a notification could not be kept");
    }
}

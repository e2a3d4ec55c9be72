//! When keys were last used, stored now and then, so that no request waits for it.

use std::{sync::Arc, time::Duration};

use leadhook_store::Store;
use tokio_util::sync::CancellationToken;

/// How often uses are stored. What was used since is lost when the process is killed.
const EVERY: Duration = Duration::from_secs(60);

/// Stores the uses once a minute, and once more at the end.
pub(super) async fn keep(store: Arc<dyn Store>, stop: CancellationToken) {
    loop {
        let is_last = stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none();
        if let Err(error) = store.store_key_uses().await {
            tracing::warn!(%error, "when keys were last used could not be stored");
        }
        if is_last {
            return;
        }
    }
}

//! Changes of accounts that the dispatcher must hear of.

use std::sync::Arc;

use leadhook_core::{account::Change, id::AccountId};
use leadhook_store::{AccountChanged, Result};

use crate::{
    board::Part,
    dispatch::Signal,
    engine::{Engine, carry_through},
};

impl Engine {
    /// Changes an account's name, state or quotas; see
    /// [`Accounts::change_account`](leadhook_store::Accounts::change_account). Its deliveries go by them from now on.
    pub async fn change_account(&self, id: AccountId, change: Change) -> Result<AccountChanged> {
        let shared = Arc::clone(self.shared());
        carry_through(async move {
            let changed = shared.store.change_account(id, change).await?;
            if let AccountChanged::Changed(known) = &changed {
                shared.signal(Signal::Terms { account: id, part: Part::of(&known.terms) });
            }
            Ok(changed)
        })
        .await
    }
}

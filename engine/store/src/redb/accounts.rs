//! Accounts and keys: made, changed, deleted, each with its entry in the trail.

use std::sync::Arc;

use ::redb::ReadableTable as _;
use async_trait::async_trait;
use leadhook_core::{
    account::{
        ACCOUNTS_MAX, Change, Terms, Wanted,
        key::{KEYS_MAX, Key, KeyId},
    },
    audit::{Action, Deed, Entry},
    id::AccountId,
    time::{Serial, Timestamp},
};

use super::{
    RedbStore, audit,
    roster::{KeyRow, Roster, terms_row},
    row, table,
    tx::Tx,
};
use crate::{
    Account, AccountChanged, AccountMade, AccountSecrets, Accounts, KeyDigest, KeyMade, KnownAccount,
    KnownKey, Result, query::Page,
};

#[async_trait]
impl Accounts for RedbStore {
    async fn make_account(
        &self,
        wanted: Wanted,
        secrets: AccountSecrets,
        now: Timestamp,
    ) -> Result<AccountMade> {
        self.queue.call(move |tx| make(tx, &wanted, secrets, now), |made, _| made).await
    }

    async fn change_account(&self, id: AccountId, change: Change) -> Result<AccountChanged> {
        self.queue.call(move |tx| self::change(tx, id, &change), |changed, _| changed).await
    }

    async fn known_account(&self, id: AccountId) -> Result<Option<Arc<KnownAccount>>> {
        Ok(self.shared.setup().roster.account(id).cloned())
    }

    async fn known_accounts(&self, limit: usize, after: Option<AccountId>) -> Result<Vec<Arc<KnownAccount>>> {
        let from = after.map_or(0, |after| after.0.saturating_add(1));
        let setup = self.shared.setup();
        let known = setup.roster.accounts().range(AccountId(from)..).map(|(_, known)| known);
        Ok(known.filter(|known| Some(known.id) != after).take(limit).cloned().collect())
    }

    async fn stored_bytes(&self, account: AccountId) -> Result<u64> {
        Ok(self.shared.setup().stored.of(account))
    }

    async fn make_key(&self, key: Key, digest: KeyDigest) -> Result<KeyMade> {
        self.queue.call(move |tx| make_key(tx, &key, &digest), |made, _| made).await
    }

    async fn key(&self, id: KeyId) -> Result<Option<Arc<KnownKey>>> {
        Ok(self.shared.setup().roster.key(id).cloned())
    }

    async fn first_key(&self, digest: KeyDigest) -> Result<Option<Arc<KnownKey>>> {
        Ok(self.shared.setup().roster.first_key(&digest).cloned())
    }

    async fn keys(&self, account: AccountId) -> Result<Vec<Arc<KnownKey>>> {
        Ok(self.shared.setup().roster.keys(account))
    }

    async fn delete_key(&self, id: KeyId) -> Result<bool> {
        self.queue.call(move |tx| delete_key(tx, id), |deleted, _| deleted).await
    }

    async fn store_key_uses(&self) -> Result<()> {
        let setup = self.shared.setup();
        let used = setup.roster.all_keys().filter_map(|known| Some((known.clone(), known.use_to_store()?)));
        let used: Arc<[_]> = used.collect();
        if used.is_empty() {
            return Ok(());
        }
        let storing = Arc::clone(&used);
        self.queue.call(move |tx| store_uses(tx, &storing), |(), _| ()).await?;
        used.iter().for_each(|(known, at)| known.is_stored(*at));
        Ok(())
    }

    async fn audit(&self, account: AccountId, limit: usize, before: Option<Serial>) -> Result<Page<Entry>> {
        self.read(move |view| audit::list(view, account, limit, before)).await
    }
}

fn make(tx: &mut Tx<'_>, wanted: &Wanted, secrets: AccountSecrets, now: Timestamp) -> Result<AccountMade> {
    let roster = &tx.setup.roster;
    if let Some(other) = roster.named(&wanted.name, None) {
        return Ok(AccountMade::NameTaken(other));
    }
    if roster.accounts().len() >= ACCOUNTS_MAX {
        return Ok(AccountMade::TooMany);
    }
    let last = roster.accounts().last_key_value().map_or(AccountId::DEFAULT, |(id, _)| *id);
    let AccountSecrets { client_id_key, recording_key } = secrets;
    let name = wanted.name.clone();
    let id = AccountId(last.0.saturating_add(1));
    let stored = Account { id, name, client_id_key, recording_key };
    let row = tx.sealer.encode(table::ACCOUNT, id.0, &stored)?;
    tx.account.insert(id.0, row.as_slice())?;
    let terms = Terms { made_at: Some(now), quotas: wanted.quotas.clone(), ..Terms::default() };
    let known = put(tx, KnownAccount { id, name: wanted.name.clone(), terms })?;
    let given = Terms::default().quotas.differing(&wanted.quotas);
    tx.note(id, &Deed::new(Action::AccountMade, &id.0).changing(given))?;
    Ok(AccountMade::Made(known))
}

fn change(tx: &mut Tx<'_>, id: AccountId, change: &Change) -> Result<AccountChanged> {
    let Some(known) = tx.setup.roster.account(id).cloned() else { return Ok(AccountChanged::Unknown) };
    let name = change.name.as_ref().unwrap_or(&known.name);
    if let Some(other) = tx.setup.roster.named(name, Some(id)) {
        return Ok(AccountChanged::NameTaken(other));
    }
    let (terms, changed) = change.apply(&known.name, &known.terms);
    if changed.is_empty() {
        return Ok(AccountChanged::Changed(known));
    }
    if *name != known.name {
        rename(tx, id, name)?;
    }
    let states = [known.terms.state, terms.state].map(|state| state.to_string());
    let mut deed = Deed::new(Action::AccountChanged, &id.0).changing(changed);
    if let [before, after] = states
        && before != after
    {
        deed = deed.turning(Some(before), after);
    }
    let known = put(tx, KnownAccount { id, name: name.clone(), terms })?;
    tx.note(id, &deed)?;
    Ok(AccountChanged::Changed(known))
}

fn rename(tx: &mut Tx<'_>, id: AccountId, name: &str) -> Result<()> {
    let decode = |row: &[u8]| -> Result<Account> {
        tx.sealer.decode(table::ACCOUNT, id.0, row, || format!("account {}", id.0))
    };
    let stored = tx.account.get(id.0)?.map(|row| decode(row.value())).transpose()?;
    if let Some(account) = stored {
        let account = Account { name: name.to_owned(), ..account };
        let row = tx.sealer.encode(table::ACCOUNT, id.0, &account)?;
        tx.account.insert(id.0, row.as_slice())?;
    }
    Ok(())
}

fn put(tx: &mut Tx<'_>, known: KnownAccount) -> Result<Arc<KnownAccount>> {
    tx.account_terms.insert(known.id.0, terms_row(&known.terms).as_slice())?;
    let known = Arc::new(known);
    roster(tx).put_account(known.clone());
    Ok(known)
}

/// To change what is kept of accounts and keys in memory.
pub(super) fn roster<'t>(tx: &'t mut Tx<'_>) -> &'t mut Roster {
    Arc::make_mut(&mut Arc::make_mut(&mut tx.setup).roster)
}

fn make_key(tx: &mut Tx<'_>, key: &Key, digest: &KeyDigest) -> Result<KeyMade> {
    let account = key.account;
    if tx.setup.roster.account(account).is_none() {
        return Ok(KeyMade::UnknownAccount);
    }
    if tx.setup.roster.keys(account).len() >= KEYS_MAX {
        return Ok(KeyMade::TooMany);
    }
    let row = row::encode(&KeyRow { key: key.clone(), digest: *digest });
    tx.key.insert((account.0, key.id.0), row.as_slice())?;
    roster(tx).put_key(Arc::new(KnownKey::new(key.clone(), *digest, 0)));
    let scopes: Vec<_> = key.scopes.iter().map(ToString::to_string).collect();
    tx.note(account, &Deed::new(Action::KeyMade, &key.id).turning(None, scopes.join(" ")))?;
    Ok(KeyMade::Made)
}

fn delete_key(tx: &mut Tx<'_>, id: KeyId) -> Result<bool> {
    let Some(known) = tx.setup.roster.key(id).cloned() else { return Ok(false) };
    let place = (known.key.account.0, id.0);
    if tx.key.remove(place)?.is_none() {
        tx.api_key.remove(known.digest())?;
    }
    tx.key_use.remove(place)?;
    roster(tx).remove_key(id);
    tx.note(known.key.account, &Deed::new(Action::KeyDeleted, &id))?;
    Ok(true)
}

/// A key that was deleted meanwhile is left out.
fn store_uses(tx: &mut Tx<'_>, used: &[(Arc<KnownKey>, Timestamp)]) -> Result<()> {
    for (known, at) in used {
        let place = (known.key.account.0, known.key.id.0);
        if tx.setup.roster.key(known.key.id).is_some() {
            tx.key_use.insert(place, at.0)?;
        }
    }
    Ok(())
}

//! The trail of who changed what: written in the transaction of the change, and never touched again.

use leadhook_core::{
    audit::{Author, Deed, Entry},
    id::AccountId,
    time::{Serial, Timestamp},
};

use super::{row, table, tx::Tx, view::View};
use crate::{Result, StoreError, query::Page};

impl Tx<'_> {
    /// Notes what the author of this command did, in the account's trail and, where that is the operator, in the
    /// operator's too. What nobody asked for is not noted.
    pub(super) fn note(&mut self, account: AccountId, deed: &Deed) -> Result<()> {
        let Some(acting) = self.acting.clone() else { return Ok(()) };
        let is_operator = acting.author == Author::Operator;
        if account == AccountId::ENGINE && !is_operator {
            // What the engine keeps for itself on the way of a customer's request is nobody's deed.
            return Ok(());
        }
        let serial = self.next_serial(acting.at);
        let row = row::encode(&(acting.at, &acting.author, account, deed));
        self.audit.insert((account.0, serial.0), row.as_slice())?;
        if is_operator {
            self.audit.insert((AccountId::ENGINE.0, serial.0), row.as_slice())?;
        }
        Ok(())
    }
}

/// A page of a trail, newest first.
pub(super) fn list(
    view: &View,
    account: AccountId,
    limit: usize,
    before: Option<Serial>,
) -> Result<Page<Entry>> {
    view.newest_first(table::AUDIT, account, limit, before, |serial, row| decode(account, serial, row))
}

/// An entry of an account's trail.
pub(super) fn decode(account: AccountId, serial: Serial, row: &[u8]) -> Result<Entry> {
    let what = || format!("entry {} of an audit trail", serial.0);
    let (at, author, of, deed): (Timestamp, Author, AccountId, Deed) = row::decode(row, what)?;
    // The operator's trail has what it did to others.
    if of != account && account != AccountId::ENGINE {
        return Err(StoreError::Damaged { what: what() });
    }
    Ok(Entry { serial, at, author, account: of, deed })
}

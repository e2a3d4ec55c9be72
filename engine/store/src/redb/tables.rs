//! Every table that there is, with its types: for what goes over all of them, whatever they hold.

use ::redb::{Key, TableDefinition, TableHandle as _, Value};

use super::table::{self, Daily};
use crate::Result;

/// What the values of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Rows with a format byte and a checksum, see `row.rs`.
    Rows,
    /// Anything else.
    Plain,
}

/// Something that is done with a table, whatever its types are.
pub(super) trait OverTable {
    /// What comes of it.
    type Answer;
    /// Does it.
    fn visit<K: Key + 'static, V: Value + 'static>(
        &mut self,
        table: TableDefinition<'_, K, V>,
        holds: Holds,
    ) -> Result<Self::Answer>;
}

macro_rules! tables {
    (rows: $($row:ident)*; plain: $($plain:ident)*; days: $($day:ident)*;) => {
        /// Does something with the table of this name; `None` where no table has such a name.
        pub(super) fn over<O: OverTable>(name: &str, what: &mut O) -> Option<Result<O::Answer>> {
            $(if name == table::$row.name() {
                return Some(what.visit(table::$row, Holds::Rows));
            })*
            $(if name == table::$plain.name() {
                return Some(what.visit(table::$plain, Holds::Plain));
            })*
            $(if table::$day.day(name).is_some() {
                return Some(what.visit(of_day(&table::$day, name), Holds::Rows));
            })*
            None
        }
    };
}

// A table that is missing here is in no backup; a test of the store names it.
tables! {
    rows: ACCOUNT SITE_REVISION WEBHOOK WEBHOOK_REVISION OPEN LANE PLUGIN PLUGIN_VERSION NOTIFICATION RESEND SECRET
        RELAY RECORDING_KEY STATE ACCOUNT_TERMS KEY AUDIT OPERATIONS OPERATIONS_PLACE ERASURE;
    plain: META API_KEY SITE EVENT_ID LEAD_ID TRACE DUE WAITING QUARANTINE PLUGIN_PIECE RESEND_RUNNING RESENDING
        STATE_END STATE_LEFT KEY_USE STORED FAILING RESEND_ERASED ERASURE_RUNNING ERASED;
    days: LEAD DONE;
}

fn of_day<'n, K: Key + 'static>(_: &Daily<K>, name: &'n str) -> TableDefinition<'n, K, &'static [u8]> {
    table::daily(name)
}

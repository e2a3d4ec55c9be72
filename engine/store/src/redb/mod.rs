//! To be written.
pub struct RedbStore;

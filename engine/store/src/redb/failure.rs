//! What redb's errors mean to a command: the storage does not take anything until it is opened anew.

use crate::StoreError;

macro_rules! unavailable {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Unavailable(error.to_string())
            }
        }
    )*};
}

unavailable!(
    ::redb::StorageError,
    ::redb::TableError,
    ::redb::TransactionError,
    ::redb::CommitError,
    ::redb::SetDurabilityError,
    ::redb::DatabaseError
);

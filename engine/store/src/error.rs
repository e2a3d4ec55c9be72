//! Why a command was not carried out.

/// Why a command was not carried out. Nothing of it is stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The storage failed (full disk, I/O error) or is being reopened; try again later.
    #[error("the storage does not take anything now: {0}")]
    Unavailable(String),
    /// More is waiting than the queue holds; try again later.
    #[error("the storage's queue of {0} commands is full")]
    Overloaded(usize),
    /// A stored row does not match its checksum or cannot be read.
    #[error("the stored {what} is damaged")]
    Damaged {
        /// Which row, in words, with its key.
        what: String,
    },
    /// Another process has the data folder open.
    #[error(
        "the data folder {path} is in use by another leadhook process; stop it, or give this one its own folder with --data"
    )]
    InUse {
        /// The folder.
        path: String,
    },
    /// The data folder was written by another version.
    #[error("the data folder is in format {found}, this version reads format {supported}")]
    Format {
        /// What was found.
        found: u32,
        /// What this version reads.
        supported: u32,
    },
    /// Secrets in the data folder are sealed, and no master key is given.
    #[error(
        "the secrets in the data folder are sealed under a master key, which is not given; give it in LEADHOOK_MASTER_KEY or by --master-key-file"
    )]
    MasterKeyMissing,
    /// Secrets in the data folder are sealed under a master key that is not given.
    #[error(
        "the secrets in the data folder are sealed under another master key than the one given; give that one, or, to change over, also give it in LEADHOOK_MASTER_KEY_OLD or by --master-key-old-file; nothing was changed"
    )]
    MasterKeyWrong,
    /// The data folder cannot be opened.
    #[error("the data folder {path} cannot be opened: {reason}")]
    Open {
        /// The folder.
        path: String,
        /// Why.
        reason: String,
    },
    /// What is to be restored is no whole backup.
    #[error("this backup cannot be used: {reason}")]
    Backup {
        /// What is wrong with it.
        reason: String,
    },
    /// A backup was made by a later version.
    #[error(
        "the backup was made by leadhook {version}, which is newer than this one ({own}); restore it with that"
    )]
    NewerBackup {
        /// The version that made it.
        version: String,
        /// The version that is to restore it.
        own: String,
    },
    /// A backup is to be restored onto something.
    #[error("the folder {path} is not empty; a backup is only restored into an empty folder or a new one")]
    NotEmpty {
        /// The folder.
        path: String,
    },
}

/// Short for what every command answers.
pub type Result<T> = std::result::Result<T, StoreError>;

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
    /// The data folder cannot be opened.
    #[error("the data folder {path} cannot be opened: {reason}")]
    Open {
        /// The folder.
        path: String,
        /// Why.
        reason: String,
    },
}

/// Short for what every command answers.
pub type Result<T> = std::result::Result<T, StoreError>;

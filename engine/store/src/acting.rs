//! Who asks for what is done: it goes beside the commands, so that none can be carried out without it.
//!
//! Whoever serves a request runs all of it inside [`as_asked_by`]. Each command that changes something takes the author
//! from there to the writer, which notes the change in the author's trail in the very transaction that makes it. What
//! the engine does by itself has no author and is not in a trail.

use std::sync::Arc;

use leadhook_core::{audit::Author, time::Timestamp};

/// Who asks, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// Who.
    pub author: Author,
    /// When the request came.
    pub at: Timestamp,
}

tokio::task_local! {
    static ACTING: Arc<Acting>;
}

/// Does something in the name of an author.
pub async fn as_asked_by<T>(acting: Arc<Acting>, what: impl Future<Output = T>) -> T {
    ACTING.scope(acting, what).await
}

/// The same as `what`, in the name of whoever asks for it now, also where it is run as a task of its own.
pub fn carried<T>(what: impl Future<Output = T>) -> impl Future<Output = T> {
    let acting = acting();
    async move {
        match acting {
            Some(acting) => as_asked_by(acting, what).await,
            None => what.await,
        }
    }
}

/// Who asks for what is being done.
pub(crate) fn acting() -> Option<Arc<Acting>> {
    ACTING.try_with(Arc::clone).ok()
}

//! Backups of the running engine, streamed to whoever asked.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use futures::stream;
use leadhook_store::{Backup, Result as Stored, StoreError};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{
    Api,
    auth::ByOperator,
    problem::{Problem, ProblemBody},
};

/// How many blocks of about a MiB are read ahead of who takes them.
const BLOCKS_AHEAD: usize = 2;
/// How long a block may wait to be taken: while a backup is under way the file cannot give room back.
const TAKING_MAX: Duration = Duration::from_secs(60);

/// Back up the engine
///
/// Everything that is stored at this moment, of all accounts, in one stream that `leadhook restore` reads; `leadhook backup`
/// writes it to a file. The engine goes on meanwhile. What comes whole ends with a sum over all of it. Files beside the
/// store, such as keys, are not in it. One at a time.
#[utoipa::path(post, path = "/v1/backups", tag = "upkeep",
    responses(
        (status = 200, description = "The backup", content_type = "application/octet-stream", body = [u8]),
        (status = 409, description = "`backup_running`: another is under way", body = ProblemBody),
    ))]
pub(super) async fn create(State(api): State<Api>, _: ByOperator) -> Result<Response, Problem> {
    let place = Arc::clone(&api.backup_place).try_acquire_owned();
    let place = place.map_err(|_| Problem::conflict("backup_running", "another backup is under way"))?;
    let backup = api.engine.store().begin_backup(api.engine.now()).await?;
    let (blocks, taken) = mpsc::channel(BLOCKS_AHEAD);
    tokio::spawn(read(backup, blocks, place));
    let body = Body::from_stream(stream::unfold(taken, |mut taken| async move {
        taken.recv().await.map(|block| (block, taken))
    }));
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response())
}

/// Reads a backup as fast as it is taken. Whoever takes too long gets an answer that breaks off.
async fn read(
    mut backup: Box<dyn Backup>,
    blocks: mpsc::Sender<Stored<Bytes>>,
    _place: OwnedSemaphorePermit,
) {
    loop {
        let step = tokio::task::spawn_blocking(move || {
            let block = backup.next_block();
            (backup, block)
        });
        let block = match step.await {
            Ok((same, block)) => {
                backup = same;
                block.map(|block| block.map(Bytes::from))
            }
            Err(error) => return tracing::error!(%error, "a backup ended in a panic"),
        };
        let Some(block) = block.transpose() else { return };
        let failed = block.is_err();
        if let Err(error) = &block {
            tracing::error!(%error, "a backup broke off");
        }
        match tokio::time::timeout(TAKING_MAX, blocks.send(block)).await {
            Ok(Ok(())) if !failed => {}
            Ok(_) => return,
            Err(_) => {
                let slow = StoreError::Unavailable("the backup was not taken fast enough".to_owned());
                let _ = blocks.try_send(Err(slow));
                return tracing::warn!("a backup broke off: it was not taken for {} s", TAKING_MAX.as_secs());
            }
        }
    }
}

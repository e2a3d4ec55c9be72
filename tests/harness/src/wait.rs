//! Waiting until something is so, never for a time.

use std::time::Duration;

use tokio::time::Instant;

/// The longest that anything is waited for. Far longer than anything takes, since a busy machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks again and again until `look` answers something, and gives that back.
///
/// # Panics
/// After [`PATIENCE`], naming `what` was waited for.
pub async fn wait_until<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    match look_until(PATIENCE, look).await {
        Some(found) => found,
        None => panic!("waited {} s in vain until {what}", PATIENCE.as_secs()),
    }
}

/// As [`wait_until`], but `None` when the patience ends.
pub(crate) async fn look_until<T>(patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        match tokio::time::timeout_at(deadline, look()).await {
            Ok(Some(found)) => return Some(found),
            Ok(None) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_looks_until_it_is_so() {
        let mut looks = 0;
        let found = wait_until("it was looked at three times", async || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found.await, 3);
    }

    #[tokio::test]
    async fn a_look_that_finds_nothing_or_hangs_ends_with_the_patience() {
        let short = Duration::from_millis(20);
        assert_eq!(look_until::<()>(short, async || None).await, None);
        assert_eq!(look_until::<()>(short, async || std::future::pending().await).await, None);
    }
}

//! A commit that is said to have failed and stands all the same: what it began goes on, though nobody was told of it.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use leadhook_core::erasure::{Erasure, Phase, Subject};
use leadhook_store::{
    StoreError,
    redb::{Options, RedbStore},
};
use redb::StorageBackend;
use serde_json::json;

use crate::world::{ACCOUNT, World};

/// More syncs than a commit has.
const SYNCS_MAX: u32 = 6;

/// A disk in memory, of which a sync can say that it failed when all has reached it. Clones are the same disk.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// Which sync from now on says so, 1 for the next.
    doubtful: u32,
}

impl Disk {
    fn doubt(&self, nth: u32) {
        self.0.lock().unwrap().doubtful = nth;
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).unwrap();
        out.copy_from_slice(&self.0.lock().unwrap().bytes[from..from + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.lock().unwrap().bytes.resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let is_doubtful = state.doubtful == 1;
        state.doubtful = state.doubtful.saturating_sub(1);
        if is_doubtful { Err(io::Error::other("the disk does not say")) } else { Ok(()) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let from = usize::try_from(offset).unwrap();
        self.0.lock().unwrap().bytes[from..from + data.len()].copy_from_slice(data);
        Ok(())
    }
}

/// The erasures that there are, once the store is open again.
async fn erasures(world: &World) -> Vec<Erasure> {
    for _ in 0..20_000 {
        // Until it is closed what is read is from before; a command is not taken until it is open again.
        if world.store().delete_relay(ACCOUNT, [0; 32]).await.is_ok() {
            return world.store().erasures(ACCOUNT, 10, None).await.unwrap().rows;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the store does not open again");
}

#[tokio::test]
async fn an_erasure_whose_commit_is_in_doubt_goes_on_without_a_restart() {
    let mut stood = 0;
    for nth in 1..=SYNCS_MAX {
        let disk = Disk::default();
        let opened = disk.clone();
        let store = RedbStore::open_on(move || Ok(opened.clone()), Options::default()).unwrap();
        let world = World::over(store).await;
        disk.doubt(nth);
        let subject = Subject::parse(&json!({"phone": "+7 (999) 000-00-12"})).unwrap();
        let begun = world.engine.begin_erasure(ACCOUNT, subject).await;
        if begun.is_ok() {
            // A commit has fewer syncs.
            break;
        }
        assert!(matches!(begun, Err(StoreError::Unavailable(_))), "{begun:?}");
        let mut found = erasures(&world).await;
        stood += found.len();
        for _ in 0..20_000 {
            if found.iter().all(|erasure| erasure.phase != Phase::Running) {
                break;
            }
            // The dispatcher asks the store again after a while.
            world.clock.advance(10);
            tokio::time::sleep(Duration::from_millis(1)).await;
            found = erasures(&world).await;
        }
        assert!(found.iter().all(|erasure| erasure.phase != Phase::Running), "sync {nth}: {found:?}");
    }
    assert!(stood > 0, "no commit stood that was said to have failed");
}

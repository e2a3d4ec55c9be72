//! A disk that fails on purpose: what was not synced is lost when it is opened again, as after a power cut.

use std::{
    io,
    sync::{Arc, Mutex},
};

use redb::StorageBackend;

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// How many more writes and syncs succeed; `None`: all.
    writes_left: Option<u32>,
    reads_fail: bool,
    opened: u32,
}

impl Disk {
    /// The disk after power came back: only what was synced.
    pub(super) fn after_power_cut(&self) -> Self {
        let mut state = self.0.lock().unwrap();
        state.now = state.synced.clone();
        state.opened += 1;
        drop(state);
        self.clone()
    }

    /// How often it was opened.
    pub(super) fn opened(&self) -> u32 {
        self.0.lock().unwrap().opened
    }

    /// Lets so many writes and syncs succeed and fails all after them; `None` lets all succeed again.
    pub(super) fn fail_writes_after(&self, writes_left: Option<u32>) {
        self.0.lock().unwrap().writes_left = writes_left;
    }

    pub(super) fn fail_reads(&self, fail: bool) {
        self.0.lock().unwrap().reads_fail = fail;
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        match &mut state.writes_left {
            Some(0) => return Err(io::Error::other("the disk is full")),
            Some(left) => *left -= 1,
            None => {}
        }
        change(&mut state);
        Ok(())
    }
}

fn place(offset: u64, length: usize) -> std::ops::Range<usize> {
    let start = usize::try_from(offset).unwrap();
    start..start + length
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        if state.reads_fail {
            return Err(io::Error::other("the disk does not answer"));
        }
        out.copy_from_slice(&state.now[place(offset, out.len())]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|state| state.now.resize(usize::try_from(len).unwrap(), 0))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(|state| state.synced = state.now.clone())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(|state| state.now[place(offset, data.len())].copy_from_slice(data))
    }
}

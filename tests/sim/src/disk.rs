//! A disk in memory that can lose, tear and reorder what was not synced, fail, fill up, and be crashed at any step.
//!
//! What a power cut keeps of the unsynced sectors is decided for each sector by the seed, the number of the cut and the
//! sector's place alone: so a cut can keep a later write and lose an earlier one, or half of one, and does not depend on
//! the order in which the database writes its pages.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redb::StorageBackend;

use crate::dice::mixed;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// In which way the machine stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process is killed: the operating system keeps every write.
    Kill,
    /// Power is cut: of what was not synced any part may be lost.
    PowerCut,
}

/// At which step a disk does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// At this sync from now on, 1 for the next, before it has synced anything.
    Sync(u32),
    /// At this write, change of length or sync from now on, 1 for the next, before it does anything.
    Any(u32),
}

/// A disk. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    seed: u64,
    now: Vec<u8>,
    /// What stood in each sector that was written since the last sync, when that was.
    unsynced: BTreeMap<usize, [u8; SECTOR]>,
    synced_len: usize,
    /// Which opening of the database may use it; handles of earlier ones belong to a process that is gone.
    life: u64,
    cuts: u64,
    /// How it crashed, until the next process begins.
    down: Option<Crash>,
    ignores_sync: bool,
    crash: Option<(Step, Crash)>,
    syncs_fail: Option<u32>,
    full_for: u32,
    counts: Counts,
}

/// How much a disk was asked to do, and what befell it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Writes, changes of length and syncs that were carried out.
    pub steps: u64,
    /// Syncs that were carried out.
    pub syncs: u64,
    /// Crashes.
    pub crashes: u64,
    /// Syncs that failed and writes that found it full.
    pub faults: u64,
    /// Sectors that a power cut or a failed sync lost.
    pub sectors_lost: u64,
}

impl Disk {
    /// An empty disk whose losses follow from the seed.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State { seed, ..State::default() })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another disk that holds the same.
    pub fn copy(&self) -> Self {
        let state = self.lock();
        let (seed, now, synced_len) = (state.seed, state.now.clone(), state.now.len());
        Self(Arc::new(Mutex::new(State { seed, now, synced_len, ..State::default() })))
    }

    /// The disk for a database that is opened by the process that runs now.
    pub fn handle(&self) -> Handle {
        Handle { disk: self.clone(), life: self.lock().life }
    }

    /// The next process begins: handles of the one before do nothing any more.
    pub fn begin_life(&self) {
        let mut state = self.lock();
        state.life += 1;
        state.down = None;
    }

    /// Crashes now.
    pub fn crash(&self, crash: Crash) {
        self.lock().go_down(crash);
    }

    /// Crashes at a step, unless it crashes before; `None` calls that off.
    pub fn crash_at(&self, step: Option<(Step, Crash)>) {
        self.lock().crash = step;
    }

    /// Fails the `nth` sync from now on, once: what was to be synced is lost in part, and the database is told.
    pub fn fail_sync(&self, nth: u32) {
        self.lock().syncs_fail = Some(nth.max(1));
    }

    /// Is full for so many writes from now on.
    pub fn fill_up(&self, writes: u32) {
        self.lock().full_for = writes;
    }

    /// Nothing fails any more.
    pub fn calm(&self) {
        let mut state = self.lock();
        (state.crash, state.syncs_fail, state.full_for) = (None, None, 0);
    }

    /// From now on it says that it synced and does not.
    pub fn ignore_syncs(&self) {
        self.lock().ignores_sync = true;
    }

    /// How it crashed, where no other process has begun since.
    pub fn down(&self) -> Option<Crash> {
        self.lock().down
    }

    /// Whether it has crashed, and no other process has begun since.
    pub fn is_down(&self) -> bool {
        self.down().is_some()
    }

    /// What it did until now.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }
}

impl State {
    fn go_down(&mut self, crash: Crash) {
        if self.down.is_some() {
            return;
        }
        self.down = Some(crash);
        self.crash = None;
        self.counts.crashes += 1;
        match crash {
            Crash::PowerCut => self.lose(),
            // Nothing that a file has is lost with the process that wrote it.
            Crash::Kill => self.keep(),
        }
    }

    /// What was written counts as synced.
    fn keep(&mut self) {
        self.unsynced.clear();
        self.synced_len = self.now.len();
    }

    /// Loses a part of what was not synced, and keeps the rest for good.
    fn lose(&mut self) {
        self.cuts += 1;
        let salt = mixed(self.seed ^ mixed(self.cuts));
        // Sometimes nothing of it reached the disk, sometimes nearly all.
        let kept_of_8 = salt % 8;
        let is_kept = |place: u64| mixed(salt ^ mixed(place)) % 8 < kept_of_8;
        if self.now.len() < self.synced_len || !is_kept(u64::MAX) {
            self.now.resize(self.synced_len, 0);
        }
        for (sector, before) in std::mem::take(&mut self.unsynced) {
            let place = sector * SECTOR;
            if place >= self.now.len() || is_kept(sector as u64) {
                continue;
            }
            let end = self.now.len().min(place + SECTOR);
            self.now[place..end].copy_from_slice(&before[..end - place]);
            self.counts.sectors_lost += 1;
        }
        self.synced_len = self.now.len();
    }

    /// Remembers what stands in the sectors of a range, before they are changed.
    fn remember(&mut self, from: usize, to: usize) {
        for sector in from / SECTOR..to.div_ceil(SECTOR) {
            let now = &self.now;
            self.unsynced.entry(sector).or_insert_with(|| {
                let mut before = [0; SECTOR];
                let start = (sector * SECTOR).min(now.len());
                let end = (start + SECTOR).min(now.len());
                before[..end - start].copy_from_slice(&now[start..end]);
                before
            });
        }
    }

    /// One write, change of length or sync begins. Fails where the disk does not take it.
    fn begin(&mut self, is_sync: bool) -> io::Result<()> {
        let reached = match &mut self.crash {
            Some((Step::Any(left), crash)) => counted_down(left).then_some(*crash),
            Some((Step::Sync(left), crash)) if is_sync => counted_down(left).then_some(*crash),
            _ => None,
        };
        if let Some(crash) = reached {
            self.go_down(crash);
            return Err(gone());
        }
        if is_sync && self.syncs_fail.as_mut().is_some_and(counted_down) {
            self.syncs_fail = None;
            self.counts.faults += 1;
            self.lose();
            return Err(io::Error::other("the disk could not sync"));
        }
        if !is_sync && self.full_for > 0 {
            self.full_for -= 1;
            self.counts.faults += 1;
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is full"));
        }
        self.counts.steps += 1;
        Ok(())
    }
}

/// Whether this was the last of them.
fn counted_down(left: &mut u32) -> bool {
    *left = left.saturating_sub(1);
    *left == 0
}

fn gone() -> io::Error {
    io::Error::other("the machine is down")
}

fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::Error::other("beyond the disk"))
}

/// A disk as one process has it open.
#[derive(Debug)]
pub struct Handle {
    disk: Disk,
    life: u64,
}

impl Handle {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.lock();
        if state.down.is_some() || state.life != self.life { Err(gone()) } else { Ok(state) }
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state()?.now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state()?;
        let start = place(offset)?;
        let from = state.now.get(start..start + out.len());
        out.copy_from_slice(from.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state()?;
        state.begin(false)?;
        let (before, after) = (state.now.len(), place(len)?);
        if after < before {
            state.remember(after, before);
        }
        state.now.resize(after, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state()?;
        state.begin(true)?;
        state.counts.syncs += 1;
        if !state.ignores_sync {
            state.keep();
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state()?;
        state.begin(false)?;
        let start = place(offset)?;
        let end = start + data.len();
        if end > state.now.len() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        state.remember(start, end);
        state.now[start..end].copy_from_slice(data);
        Ok(())
    }
}

//! What durability costs on this disk: the time of one `fdatasync`.

use std::{fs::File, io::Write as _, path::Path, time::Instant};

use anyhow::{Context as _, Result};

use crate::phase::Spread;

const BLOCK_BYTES: usize = 4_096;
const TIMES: usize = 200;

/// How long it takes to append 4 KiB to a file in this folder and have it on the disk.
pub(crate) fn sync_cost(folder: &Path) -> Result<Spread> {
    let path = folder.join("sync");
    let mut file = File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    let mut costs = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let began = Instant::now();
        file.write_all(&[7; BLOCK_BYTES])?;
        file.sync_data()?;
        costs.push(began.elapsed());
    }
    std::fs::remove_file(&path)?;
    Ok(Spread::of(costs))
}

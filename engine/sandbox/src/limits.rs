//! How much of everything a call may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// The largest `.wasm` that is taken, in bytes.
pub const WASM_BYTES_MAX: usize = 24 * MIB as usize;
/// The largest script that is taken, in bytes.
pub const SCRIPT_BYTES_MAX: usize = 256 * KIB as usize;
/// The stack of a guest, in bytes. Going beyond it is a trap.
pub const STACK_BYTES: usize = 512 * KIB as usize;
/// What one call of a guest to the host, or one result, may hand over, in bytes.
pub const HAND_OVER_BYTES_MAX: usize = 2 * MIB as usize;
/// The most lines of a call's log.
pub const LOG_LINES_MAX: usize = 100;
/// The most bytes of a call's log, over all lines.
pub const LOG_BYTES_MAX: usize = 16 * KIB as usize;
/// The most bytes of a reason or of an error's words; what is longer is cut.
pub const REASON_BYTES_MAX: usize = KIB as usize;
/// The most functions named in an error record.
pub const FRAMES_MAX: usize = 16;
/// The most headers of a request that a plugin made.
pub const HEADERS_MAX: usize = 64;
/// The most bytes of a key of a plugin's state.
pub const KEY_BYTES_MAX: usize = 256;
/// The most bytes of a value of a plugin's state.
pub const VALUE_BYTES_MAX: usize = 64 * KIB as usize;
/// The most calls that change a plugin's state, in one call of the plugin.
pub const WRITES_MAX: usize = 256;
/// The most keys of a plugin's state that one call of the plugin may read.
pub const READS_MAX: usize = 1024;
/// The most bytes of keys and values that one call of the plugin may read and write together.
pub const STATE_BYTES_MAX: usize = 2 * MIB as usize;

/// What one call may use. An account may set them up to [`Limits::MAX`]; what is more counts as that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// About the number of wasm instructions. It does not depend on the machine, so it is an author's budget.
    pub fuel: u64,
    /// The time on the wall, in milliseconds. It ends what the budget does not see; about 5 ms late at most.
    pub deadline_ms: u64,
    /// All linear memories and tables of the call together, in bytes.
    pub memory_bytes: u64,
    /// The delivery with the request or the response that goes in, in bytes.
    pub input_bytes: u64,
    /// The request that comes out, in bytes.
    pub output_bytes: u64,
}

impl Limits {
    /// What holds where nothing else is set.
    pub const DEFAULT: Self = Self {
        fuel: 50_000_000,
        deadline_ms: 50,
        memory_bytes: 64 * MIB,
        input_bytes: 256 * KIB,
        output_bytes: 256 * KIB,
    };

    /// The most that may be set.
    pub const MAX: Self = Self {
        fuel: 1_000_000_000,
        deadline_ms: 1_000,
        memory_bytes: 256 * MIB,
        input_bytes: MIB,
        output_bytes: MIB,
    };

    /// These limits, none above [`Limits::MAX`].
    pub fn bounded(self) -> Self {
        Self {
            fuel: self.fuel.min(Self::MAX.fuel),
            deadline_ms: self.deadline_ms.min(Self::MAX.deadline_ms),
            memory_bytes: self.memory_bytes.min(Self::MAX.memory_bytes),
            input_bytes: self.input_bytes.min(Self::MAX.input_bytes),
            output_bytes: self.output_bytes.min(Self::MAX.output_bytes),
        }
    }

    /// The deadline as a duration.
    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_above_the_most_counts_as_the_most() {
        let wished = Limits { fuel: u64::MAX, deadline_ms: 7, ..Limits::DEFAULT };
        assert_eq!(wished.bounded(), Limits { fuel: Limits::MAX.fuel, deadline_ms: 7, ..Limits::DEFAULT });
    }
}

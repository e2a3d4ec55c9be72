//! How much the engine does at one time, and how long it waits.

use leadhook_core::retention::Retention;

/// The dispatcher's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deliveries of the whole engine at one time.
    pub in_flight: usize,
    /// Deliveries of one account at one time.
    pub in_flight_per_account: usize,
    /// How many retries are brought forward at a time when a failing handler succeeds again.
    pub recovery_batch: usize,
    /// The pause between two of them, in milliseconds.
    pub recovery_spacing_ms: u32,
    /// After how many days of nothing but failure a webhook is switched off; `None`: never.
    pub switch_off_after_days: Option<u32>,
    /// For how long what happened is kept.
    pub retention: Retention,
    /// What one call of a plugin or script may use.
    pub plugin: leadhook_sandbox::Limits,
}

/// Those of the limits that may change while the engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changeable {
    /// As in [`Limits`].
    pub switch_off_after_days: Option<u32>,
    /// As in [`Limits`].
    pub retention: Retention,
    /// As in [`Limits`].
    pub plugin: leadhook_sandbox::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: 1_024,
            in_flight_per_account: 512,
            recovery_batch: 100,
            recovery_spacing_ms: 50,
            switch_off_after_days: Some(5),
            retention: Retention::default(),
            plugin: leadhook_sandbox::Limits::DEFAULT,
        }
    }
}

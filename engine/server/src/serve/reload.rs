//! The configuration read again while the engine runs: what may change then holds at once, what is wrong changes nothing.

use std::sync::{Arc, Mutex, PoisonError};

use leadhook_core::{address::AddressPolicy, fault::Faults};
use leadhook_courier::Destinations;
use leadhook_runtime::{Engine, limits::Changeable};

use crate::{
    api::{Reload, Reloaded},
    config::{self, Environment, Flags, Shown},
    logs::{self, LogLevel},
};

/// The settings that may change while the engine runs. Others hold after a restart.
const CHANGEABLE: [&str; 10] = [
    "allow_destination",
    "log_level",
    "plugin_deadline_ms",
    "plugin_exchange_kib",
    "plugin_fuel_millions",
    "plugin_memory_mib",
    "retention_attempts_days",
    "retention_bodies_days",
    "retention_leads_days",
    "switch_off_after_days",
];

/// Where the configuration comes from, and what holds of it.
pub(crate) struct Configuration {
    /// As the engine was started.
    pub(crate) flags: Flags,
    /// As the engine was started.
    pub(crate) environment: Environment,
    /// The settings that the engine runs with.
    pub(crate) shown: Vec<Shown>,
    /// What changes the level of the log.
    pub(crate) log: LogLevel,
}

/// Puts a configuration that was read again to use.
pub(super) struct Reloader {
    pub(super) configuration: Mutex<Configuration>,
    pub(super) engine: Engine,
    pub(super) destinations: Arc<Destinations>,
}

impl std::fmt::Debug for Reloader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloader").finish_non_exhaustive()
    }
}

impl Reload for Reloader {
    fn reload(&self) -> Result<Reloaded, Faults> {
        let mut configuration = self.configuration.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = config::load(&configuration.flags, &configuration.environment);
        let config = loaded.config.inspect_err(|faults| {
            for fault in &faults.0 {
                let (place, detail) = (&fault.path, &fault.detail);
                tracing::error!(place, detail, "the configuration cannot be used; the one before holds");
            }
        })?;
        self.engine.change_limits(Changeable {
            switch_off_after_days: config.switch_off_after_days,
            retention: config.retention,
            plugin: config.plugin_limits,
        });
        self.destinations.replace(AddressPolicy::new(config.allow_destination));
        if let Ok(filter) = logs::filter(&config.log_level) {
            configuration.log.change(filter);
        }
        let reloaded = take_over(&mut configuration.shown, loaded.shown);
        let (changed, needs_restart) = (reloaded.changed.join(" "), reloaded.needs_restart.join(" "));
        tracing::info!(changed, needs_restart, "the configuration was read again");
        Ok(reloaded)
    }
}

/// Notes what holds now. What needs a restart goes on being told until there is one.
fn take_over(holds: &mut [Shown], given: Vec<Shown>) -> Reloaded {
    let mut reloaded = Reloaded::default();
    for given in given {
        let Some(holds) = holds.iter_mut().find(|holds| holds.name == given.name) else { continue };
        if holds.value == given.value {
            continue;
        }
        let name = given.name.to_owned();
        match CHANGEABLE.contains(&given.name) {
            true => {
                reloaded.changed.push(name);
                *holds = given;
            }
            false => reloaded.needs_restart.push(name),
        }
    }
    reloaded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Origin, SETTINGS};

    fn shown(name: &'static str, value: &str) -> Shown {
        Shown { name, value: Some(value.to_owned()), origin: Origin::Default }
    }

    #[test]
    fn what_may_change_is_told_once_and_what_may_not_until_a_restart() {
        let mut holds = vec![shown("log_level", "info"), shown("listen", "127.0.0.1:1")];
        let given = || vec![shown("log_level", "debug"), shown("listen", "127.0.0.1:2")];
        let needs_restart = vec!["listen".to_owned()];
        let first = take_over(&mut holds, given());
        assert_eq!(
            first,
            Reloaded { changed: vec!["log_level".to_owned()], needs_restart: needs_restart.clone() }
        );
        assert_eq!(take_over(&mut holds, given()), Reloaded { changed: Vec::new(), needs_restart });
    }

    #[test]
    fn what_may_change_are_settings() {
        for name in CHANGEABLE {
            assert!(SETTINGS.iter().any(|setting| setting.name == name), "{name}");
        }
    }
}

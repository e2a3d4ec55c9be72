//! `leadhook config check`: what holds, where each value comes from, and everything that is wrong.

use std::process::ExitCode;

use super::{
    tell,
    terminal::{Style, Terminal, pad, tame},
};
use crate::config::{self, Environment, Flags, KEYS, Loaded};

/// Prints the settings with their origins; fails when they cannot be used.
pub(crate) fn run(flags: &Flags, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_process();
    let loaded = config::load(flags, &environment);
    for (name, value, origin) in rows(&loaded, &environment) {
        terminal.line(format!(
            "{}  {}  {}",
            terminal.paint(Style::Bold, pad(&name, NAME_CHARACTERS)),
            pad(&value, VALUE_CHARACTERS),
            terminal.paint(Style::Dim, origin),
        ))?;
    }
    for name in &loaded.unused {
        let note = format!("note: {name} is set, and no setting has that name; it is not used");
        terminal.line(terminal.paint(Style::Yellow, tame(&note)))?;
    }
    match loaded.config {
        Ok(_) => {
            terminal.line(terminal.paint(Style::Green, "the configuration can be used"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(faults) => {
            tell(&faults);
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The longest name of a setting.
const NAME_CHARACTERS: usize = 23;
/// What most values need.
const VALUE_CHARACTERS: usize = 24;

fn rows(loaded: &Loaded, environment: &Environment) -> Vec<(String, String, String)> {
    let mut rows: Vec<_> = loaded
        .shown
        .iter()
        .map(|shown| {
            let value = shown.value.as_deref().map_or("-".into(), tame);
            (shown.name.to_owned(), value.into_owned(), shown.origin.to_string())
        })
        .collect();
    for (name, variable) in KEYS {
        let (value, origin) = match environment.get(variable) {
            Some(_) => ("set, not shown", format!("environment, {variable}")),
            None => ("-", "default".to_owned()),
        };
        rows.push((name.to_owned(), value.to_owned(), origin));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SETTINGS;

    #[test]
    fn every_setting_has_a_row_with_its_origin_and_the_key_is_not_told() {
        let environment = Environment::from([
            ("LEADHOOK_API_KEY", "0123456789abcdef"),
            ("LEADHOOK_ALLOW_DESTINATION", "10.0.0.0/8,fd00::/8"),
        ]);
        let rows = rows(&config::load(&Flags::default(), &environment), &environment);
        assert_eq!(rows.len(), SETTINGS.len() + KEYS.len(), "keys beside the settings");
        let row = |name: &str| rows.iter().find(|row| row.0 == name).unwrap().clone();
        assert_eq!(row("allow_destination").1, "10.0.0.0/8, fd00::/8");
        assert_eq!(row("allow_destination").2, "environment, LEADHOOK_ALLOW_DESTINATION");
        assert_eq!(row("listen").2, "default");
        assert_eq!((row("public_url").1.as_str(), row("api_key").1.as_str()), ("-", "set, not shown"));
        assert!(rows.iter().all(|row| row.0.chars().count() <= NAME_CHARACTERS));
    }
}

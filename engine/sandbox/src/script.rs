//! Makes a plugin of a script: reads it once, so that what does not parse is refused at upload.

use wasmtime::component::{ComponentType, Lift};

use crate::{
    contract::reason,
    inspect::Exports,
    limits::SCRIPT_BYTES_MAX,
    plugin::{Plugin, Runner},
    refusal::Refusal,
};

/// Which of the three a script has, as the runner says.
#[derive(Debug, Clone, Copy, ComponentType, Lift)]
#[component(record)]
pub(crate) struct Found {
    filter: bool,
    transform: bool,
    receipt: bool,
}

/// Where a script is wrong, as the runner says.
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
pub(crate) struct ScriptFault {
    line: u32,
    column: u32,
    #[component(name = "message")]
    detail: String,
}

pub(crate) fn load(runner: &Runner, source: &str) -> Result<Plugin, Refusal> {
    let bytes = source.len();
    if bytes > SCRIPT_BYTES_MAX {
        return Err(Refusal::TooLarge { bytes, bytes_max: SCRIPT_BYTES_MAX });
    }
    let parsed = runner.parse(source)?;
    let parsed = parsed.result.map_err(|record| Refusal::ScriptUnreadable { detail: record.to_string() })?;
    let found = parsed.map_err(|fault| Refusal::Script {
        line: fault.line,
        column: fault.column,
        detail: reason(&fault.detail),
    })?;
    let exports = Exports { filter: found.filter, transform: found.transform, receipt: found.receipt };
    match exports == Exports::default() {
        true => Err(Refusal::NoExports),
        false => Ok(runner.with(source, exports)),
    }
}

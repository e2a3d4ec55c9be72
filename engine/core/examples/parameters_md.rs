//! Prints `docs/parameters.md`; `cargo xtask docs` writes it.

use std::io::{self, Write as _};

fn main() -> io::Result<()> {
    io::stdout().write_all(leadhook_core::reference::markdown().as_bytes())
}

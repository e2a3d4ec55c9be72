"""`python -m leadhook_plugin.build PLUGIN.wasm`: makes a component of the module `plugin` in the current folder."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Optional

HERE = Path(__file__).parent
WIT = HERE / "wit" / "plugin.wit"
EXPORTS = ("filter", "transform", "receipt")


def exports_of(plugin: ModuleType) -> list[str]:
    """Which of the three functions a module has."""
    return [name for name in EXPORTS if callable(vars(plugin).get(name))]


def world(exports: list[str]) -> str:
    """The interface's text with a world that exports these."""
    lines = "".join(f"  export {name};\n" for name in exports)
    return f"{WIT.read_text()}\nworld built {{\n  include plugin;\n{lines}}}\n"


def build(folder: Path, wasm: Path) -> Optional[str]:
    """Builds, and answers what is wrong where it cannot."""
    if importlib.util.find_spec("componentize_py") is None:
        return "componentize-py is not installed: pip install -r requirements.txt"
    sys.path.insert(0, str(folder))
    exports = exports_of(importlib.import_module("plugin"))
    if not exports:
        return f"{folder / 'plugin.py'} has none of the functions {', '.join(EXPORTS)}"
    with tempfile.TemporaryDirectory() as temporary:
        wit = Path(temporary) / "plugin.wit"
        wit.write_text(world(exports))
        # Libraries of the environment that builds go along, as far as the plugin imports them.
        paths = [str(folder), str(HERE.parent), sysconfig.get_paths()["purelib"]]
        where = [part for path in dict.fromkeys(paths) for part in ("-p", path)]
        command = [sys.executable, "-c", "from componentize_py import script; script()"]
        command += ["-d", str(wit), "-w", "built", "componentize", "--stub-wasi", *where]
        status = subprocess.run([*command, "leadhook_plugin.entry", "-o", str(wasm)]).returncode
    return "componentize-py says above what is wrong" if status else None


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m leadhook_plugin.build PLUGIN.wasm")
    sys.exit(build(Path.cwd(), Path(sys.argv[1])))

"""The examples' fixtures, and what a build makes of a plugin."""

import importlib.util
import os
import shutil
import tempfile
import unittest
import unittest.mock
from pathlib import Path
from types import ModuleType

from leadhook_plugin import Skip, build, fixture

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(folder.name, folder / "plugin.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Examples(unittest.TestCase):
    def test_fixtures(self):
        folders = sorted(path.parent for path in EXAMPLES.glob("*/plugin.py"))
        self.assertEqual([folder.name for folder in folders], ["calls_only", "error_in_200"])
        for folder in folders:
            fixture.check(folder, load(folder))

    def test_a_fixture_that_comes_out_otherwise_is_told_and_can_be_written_anew(self):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(shutil.copytree(EXAMPLES / "calls_only", Path(temporary) / "copy"))
            expected = folder / "fixtures/a-call/expected.json"
            right = expected.read_text()
            expected.write_text('{"send": "unchanged"}')
            with self.assertRaisesRegex(AssertionError, "(?s)a-call.*expected.*unchanged.*came out.*195 s"):
                fixture.check(folder, load(folder))
            with unittest.mock.patch.dict(os.environ, {"UPDATE_FIXTURES": "1"}):
                fixture.check(folder, load(folder))
            self.assertEqual(expected.read_text().split(), right.split())

    def test_a_world_exports_what_a_plugin_has(self):
        self.assertEqual(build.exports_of(load(EXAMPLES / "error_in_200")), ["receipt"])
        module = ModuleType("plugin")
        module.filter = lambda delivery: Skip("x")  # type: ignore[attr-defined]
        module.transform = "no function"  # type: ignore[attr-defined]
        self.assertEqual(build.exports_of(module), ["filter"])
        self.assertTrue(build.world(["filter"]).endswith("world built {\n  include plugin;\n  export filter;\n}\n"))
        self.assertIn("package leadhook:plugin@1.0.0;", build.world([]))

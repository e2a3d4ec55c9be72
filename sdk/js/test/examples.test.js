// The examples' fixtures, and what a build makes of a plugin.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { exportsOf, world } from "../build.js";
import { check } from "../fixture.js";

const EXAMPLES = new URL("../examples/", import.meta.url);
const load = (name) => import(new URL(`${name}/plugin.js`, EXAMPLES));

for (const name of readdirSync(EXAMPLES)) {
  test(`fixtures of ${name}`, async () => check(new URL(`${name}/`, EXAMPLES), await load(name)));
}

test("a fixture that comes out otherwise is told and can be written anew", async () => {
  const folder = mkdtempSync(join(tmpdir(), "leadhook-"));
  try {
    cpSync(new URL("calls-only/", EXAMPLES), folder, { recursive: true });
    const [expected, plugin] = [join(folder, "fixtures/a-call/expected.json"), await load("calls-only")];
    const right = JSON.parse(readFileSync(expected, "utf8"));
    writeFileSync(expected, '{"send": "unchanged"}');
    assert.throws(() => check(folder, plugin), /a-call\n {2}expected .*unchanged.*\n {2}came out .*195 s/);
    process.env.UPDATE_FIXTURES = "1";
    check(folder, plugin);
    assert.deepEqual(JSON.parse(readFileSync(expected, "utf8")), right);
  } finally {
    delete process.env.UPDATE_FIXTURES;
    rmSync(folder, { recursive: true });
  }
});

test("a world exports what a plugin has", async () => {
  assert.deepEqual(exportsOf(await load("error-in-200")), ["receipt"]);
  assert.deepEqual(exportsOf({ filter() {}, transform: "no function" }), ["filter"]);
  const text = await world(["filter"]);
  assert.ok(text.endsWith("world built {\n  include plugin;\n  export filter;\n}\n"));
  assert.ok(text.includes("package leadhook:plugin@1.0.0;"));
});

// Each folder of `fixtures`, natively. `leadhook plugin test` runs the same through the built wasm.

import { test } from "node:test";

import { check } from "./leadhook-plugin/fixture.js";
import * as plugin from "./plugin.js";

test("fixtures", () => check(new URL(".", import.meta.url), plugin));

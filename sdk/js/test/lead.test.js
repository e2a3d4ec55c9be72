// The lead, and the parameters that it may have.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Delivery, Lead, PARAMETERS } from "../index.js";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const KINDS = {
  bool: "flag",
  seconds: "number",
  int: "number",
  "unix-seconds": "number",
  tags: "tags",
  list: "records",
  "json-object": "object",
};
const FIELDS = {
  site: "60001",
  type: "call",
  id: "1500000001",
  a_later_field: [1],
  parameters: {
    callerphone: "79990001001",
    duration: "194",
    spam: "false",
    comment: [{ party: "client", comment: "Три окна" }],
    tags_manual: ["Отдел продаж", "Целевой, без записи"],
  },
  visits: [{ at: "2026-03-02T09:41:10Z", attrs: { roistat: "1009" } }],
  started_at: "2026-03-02T09:45:03Z",
  timezone: "Europe/Moscow",
  country: "RU",
  renamed: { callerphone: "phone", duration: "status" },
};
const lead = () => Lead.of(FIELDS);

test("the parameters are those of the catalogue in its order", () => {
  const rows = read("../../../tests/data/parameters.tsv").trimEnd().split("\n").slice(1).map((row) => row.split("\t"));
  assert.deepEqual(Object.entries(PARAMETERS), rows.map((row) => [row[0], KINDS[row[4]] ?? "text"]));
});

test("the typings name each parameter under its kind", () => {
  const typings = read("../index.d.ts");
  for (const kind of new Set(Object.values(PARAMETERS))) {
    const name = `${kind[0].toUpperCase()}${kind.slice(1)}Parameter`;
    const [, body] = typings.match(new RegExp(`export type ${name} =([^;]*);`));
    const expected = Object.keys(PARAMETERS).filter((parameter) => PARAMETERS[parameter] === kind);
    assert.deepEqual([...body.matchAll(/"(\w+)"/g)].map(([, parameter]) => parameter), expected);
  }
});

test("a lead answers by the form of each value", () => {
  const { site, kind, id, startedAt, timezone, country, visits, parameters } = lead();
  assert.deepEqual([site, kind, id], ["60001", "call", "1500000001"]);
  assert.deepEqual([startedAt, timezone, country], ["2026-03-02T09:45:03Z", "Europe/Moscow", "RU"]);
  assert.equal(lead().text("callerphone"), "79990001001");
  assert.deepEqual([lead().number("duration"), lead().flag("spam")], [194, false]);
  assert.deepEqual(lead().tags("tags_manual"), ["Отдел продаж", "Целевой, без записи"]);
  assert.deepEqual(lead().records("comment"), [["client", "Три окна"]]);
  assert.deepEqual([visits[0].attrs.roistat, Object.keys(parameters)[1]], ["1009", "duration"]);
});

test("what has no value or another form is undefined", () => {
  assert.deepEqual([lead().text("email"), lead().get("nothing"), lead().text("comment")], Array(3).fill(undefined));
  assert.deepEqual([lead().number("spam"), lead().flag("duration"), lead().get("toString")], Array(3).fill(undefined));
  assert.deepEqual(lead().tags("tags_api"), []);
});

test("a name that the catalogue does not have is told", () => {
  for (const ask of ["text", "number", "flag", "tags", "records", "nameAsSent"]) {
    assert.throws(() => lead()[ask]("phone"), /no parameter `phone`/);
  }
});

test("a parameter is found by the name under which it is sent", () => {
  assert.deepEqual([lead().nameAsSent("callerphone"), lead().nameAsSent("email")], ["phone", "email"]);
  const found = ["phone", "status", "email", "callerphone", "x"].map((name) => lead().parameterAsSent(name));
  assert.deepEqual(found, ["callerphone", "duration", "email", undefined, undefined]);
});

test("a delivery for a test follows from its lead", () => {
  assert.equal(Delivery.of(FIELDS).trigger, "call_ended");
  const { trigger, sample } = Delivery.of({ ...FIELDS, type: "request" }, { sample: true });
  assert.deepEqual([trigger, sample], ["request_created", true]);
});

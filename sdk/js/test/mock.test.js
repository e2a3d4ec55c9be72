// The host that stands for the engine in a native test.

import assert from "node:assert/strict";
import { test } from "node:test";

import { config, Failure, kv, log, nowMs, random, refused, retry, secret } from "../index.js";
import { Host } from "../mock.js";

const failing = (code, words) => (error) =>
  error instanceof Failure && error.code === code && words.test(error.detail);

test("a configuration is read and what does not fit is named", () => {
  const given = (settings, defaults) => new Host({ config: settings }).run(() => config(defaults));
  assert.deepEqual(given({}, { hours: 0 }), { hours: 0 });
  assert.deepEqual(given({ hours: 2 }, { hours: 0, name: null }), { hours: 2, name: null });
  assert.deepEqual(given({ any: 1 }), { any: 1 });
  assert.throws(() => given({ hour: 2 }, { hours: 0 }), failing("bad_config", /`hour`.*`hours`/));
  assert.throws(() => given({ hours: "2" }, { hours: 0 }), failing("bad_config", /`hours` is to be a number/));
  assert.throws(() => given({ toString: 1 }, { hours: 0 }), failing("bad_config", /`toString`/));
});

test("a secret is given by name only", () => {
  const host = new Host({ secrets: { token: "s3cret" } });
  assert.equal(host.run(() => secret("token")), "s3cret");
  assert.throws(() => host.run(() => secret("other")), failing("no_secret", /`other`/));
});

test("state lives as long as it was given", () => {
  const host = new Host();
  host.run(() => {
    kv.set("ever", "1");
    kv.setJson("minute", { a: "я" }, { ttlSeconds: 60 });
    assert.equal(kv.increment("sum", 2, { ttlSeconds: 60 }), 2);
  });
  host.nowMs = 59_999;
  assert.equal(host.run(() => kv.increment("sum", -5, { ttlSeconds: 60 })), -3, "its time began with the key");
  assert.deepEqual(host.run(() => kv.getJson("minute")), { a: "я" });
  host.nowMs = 60_000;
  assert.deepEqual(host.stored(), { ever: "1" });
  host.run(() => kv.remove("ever"));
  assert.deepEqual(host.run(() => [kv.get("ever"), kv.increment("sum")]), [undefined, 1]);
});

test("numbers are the same for the same seed and lines are kept", () => {
  const two = (seed) => new Host({ seed }).run(() => [random(), random()]);
  assert.deepEqual(two(1), two(1));
  assert.notDeepEqual(two(1), two(2));
  // The first number of SplitMix64 from the seed 0.
  assert.ok(Math.abs(two(0)[0] - Number(0xe220a8397b1dcdafn) / 2 ** 64) < 2 ** -50);
  assert.ok(two(5).every((number) => number >= 0 && number < 1));
  const host = new Host({ nowMs: 5 });
  host.run(() => log.warn(`${nowMs()} ms`));
  assert.deepEqual(host.lines, [["warn", "5 ms"]]);
});

test("what the engine would refuse is refused", () => {
  const calls = [() => kv.get(""), () => kv.set("k".repeat(257), ""), () => kv.set("k", " ".repeat(65_537))];
  for (const call of calls) assert.throws(() => new Host().run(call), RangeError);
  assert.throws(() => new Host().run(() => kv.set("k", 5)), TypeError);
  assert.throws(() => nowMs(), /within `Host.run`/);
});

test("a failure of a receipt is a judgement", () => {
  assert.deepEqual(new Failure("busy", "later", { isRetryable: true }).asJudgement(), retry());
  assert.deepEqual(new Failure("bad_json", "no").asJudgement(), refused("bad_json: no"));
});

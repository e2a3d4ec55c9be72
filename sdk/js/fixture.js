// Fixtures: sample leads with what is to come of them, one folder each, checked in a native test. `leadhook plugin
// test` runs the same folders through the built wasm.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";

import { Delivery } from "./lead.js";
import { Host } from "./mock.js";
import { Form, Raw, Request } from "./request.js";
import { Response } from "./response.js";
import { decoded, encoded } from "./text.js";
import { Answer, Failure } from "./verdict.js";

// The time of a fixture that states none.
const NOW = "2026-03-02T10:00:00Z";
const ABOUT = ["id", "webhook", "trigger", "occurred_at", "now", "resend", "sample"];

export function check(folder, plugin) {
  const root = join(pathOf(folder), "fixtures");
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  if (folders.length === 0) throw new Error(`${root} has no fixtures`);
  const wrong = folders.map(({ name }) => checkOne(join(root, name), plugin)).filter((complaint) => complaint);
  if (wrong.length > 0) throw new Error(`\n${wrong.join("\n")}`);
}

// What is wrong about one fixture.
function checkOne(fixture, plugin) {
  const cameOut = run(fixture, plugin);
  if (env.UPDATE_FIXTURES !== undefined) {
    writeFileSync(join(fixture, "expected.json"), `${JSON.stringify(cameOut, null, 2)}\n`);
    return undefined;
  }
  const expected = read(fixture, "expected.json");
  if (typeof expected.send === "object") expected.send = writeRequest(readRequest(expected.send));
  if (isDeepStrictEqual(cameOut, expected)) return undefined;
  return `${fixture}\n  expected ${JSON.stringify(expected)}\n  came out ${JSON.stringify(cameOut)}`;
}

export function run(folder, plugin) {
  const fixture = pathOf(folder);
  const about = read(fixture, "delivery.json", {});
  const nowMs = Date.parse(about.now ?? NOW);
  const given = { config: "config.json", secrets: "secrets.json", kv: "kv.json" };
  const files = Object.entries(given).map(([field, name]) => [field, read(fixture, name, {})]);
  const host = new Host({ ...Object.fromEntries(files), nowMs });
  const before = host.stored();
  const delivery = readDelivery(read(fixture, "lead.json"), about, nowMs);
  const response = read(fixture, "response.json", null);
  const usual = writeRequest(Request.post("https://handler.example/hook"));
  const cameOut =
    response === null
      ? link(host, plugin, delivery, read(fixture, "request.json", usual))
      : judged(host, plugin, delivery, readResponse(response));
  return isDeepStrictEqual(host.stored(), before) ? cameOut : { ...cameOut, kv: host.stored() };
}

// What a call answers, or its failure.
function said(host, call) {
  try {
    return host.run(call);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

function judged(host, plugin, delivery, response) {
  const answer = said(host, () => plugin.receipt(delivery, response));
  const { kind, afterSeconds, reason } = answer instanceof Failure ? answer.asJudgement() : answer;
  if (kind === "refused") return { judgement: kind, reason };
  return afterSeconds === undefined ? { judgement: kind } : { judgement: kind, after_seconds: afterSeconds };
}

// A link as the engine runs it: the filter, then the transform.
function link(host, plugin, delivery, given) {
  const request = readRequest(given);
  let answer = plugin.filter === undefined ? undefined : said(host, () => plugin.filter(delivery));
  if (answer === undefined && plugin.transform !== undefined) {
    answer = said(host, () => plugin.transform(delivery, request));
  }
  if (answer instanceof Failure) {
    return { fail: { code: answer.code, message: answer.detail, retryable: answer.isRetryable } };
  }
  if (answer === undefined) {
    return { send: isDeepStrictEqual(request, readRequest(given)) ? "unchanged" : writeRequest(request) };
  }
  if (!(answer instanceof Answer)) throw new Error(`${answer} is no verdict`);
  return answer.kind === "defer" ? { defer: writeTime(answer.untilMs) } : { [answer.kind]: answer.reason };
}

function readDelivery(lead, about, nowMs) {
  const unknown = Object.keys(about).filter((key) => !ABOUT.includes(key));
  if (unknown.length > 0) throw new Error(`delivery.json has no ${unknown.join(", ")}`);
  const { occurred_at: occurredAt, now: _, ...given } = about;
  return Delivery.of(lead, { occurredAtMs: occurredAt === undefined ? nowMs : Date.parse(occurredAt), ...given });
}

const pathOf = (place) => (place instanceof URL ? fileURLToPath(place) : place);

// A file of a fixture; the default where there is none.
function read(fixture, name, usual) {
  const path = join(fixture, name);
  return usual !== undefined && !existsSync(path) ? usual : JSON.parse(readFileSync(path, "utf8"));
}

function readRequest({ body, ...rest }) {
  return new Request({ ...rest, body: body.form === undefined ? readRaw(body) : new Form(body.form) });
}

function readRaw({ json, text, base64, content_type: contentType }) {
  if (json !== undefined) return new Raw(contentType ?? "application/json", encoded(JSON.stringify(json)));
  if (text !== undefined) return new Raw(contentType ?? "text/plain", encoded(text));
  const bytes = Uint8Array.from(Buffer.from(base64, "base64"));
  return new Raw(contentType ?? "application/octet-stream", bytes);
}

function writeRequest({ method, url, headers, body }) {
  return { method, url, headers, body: body instanceof Form ? { form: body.pairs } : writeRaw(body) };
}

function writeRaw({ contentType, bytes }) {
  const about = contentType === "application/json" ? {} : { content_type: contentType };
  if (contentType.includes("json")) {
    try {
      return { ...about, json: JSON.parse(decoded(bytes)) };
    } catch {
      // It calls itself JSON and is none: it is told as what it is.
    }
  }
  try {
    return { content_type: contentType, text: decoded(bytes) };
  } catch {
    return { content_type: contentType, base64: Buffer.from(bytes).toString("base64") };
  }
}

function readResponse({ status, headers = [], ...body }) {
  const hasBody = ["json", "text", "base64"].some((key) => body[key] !== undefined);
  return new Response({ status, headers, body: hasBody ? readRaw(body).bytes : new Uint8Array(), elapsedMs: 1 });
}

const writeTime = (ms) => new Date(ms).toISOString().replace(".000Z", "Z");

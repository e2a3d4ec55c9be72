// The border to the engine in WebAssembly: the interface's types made ours, and ours made the interface's. The two
// modules of the interface exist in a build only.

import * as host from "leadhook:plugin/host@1.0.0";
import * as store from "leadhook:plugin/kv@1.0.0";

import { install } from "./engine.js";
import { log, nowMs, random } from "./host.js";
import { Delivery, Lead } from "./lead.js";
import { Form, Raw, Request } from "./request.js";
import { Response } from "./response.js";
import { Answer, Failure } from "./verdict.js";

// The most functions named in the log when one of them fails, the innermost ones.
const FRAMES_MAX = 8;
const NUMBER_MAX = Number.MAX_SAFE_INTEGER;

install({
  log: (level, line) => host.log(level, line.toWellFormed()),
  config: () => host.config(),
  secret: (name) => host.secret(text(name, "a secret's name")) ?? undefined,
  nowMs: () => host.nowMs(),
  random: () => host.random(),
  kvGet: (key) => store.get(text(key, "a key")) ?? undefined,
  kvSet: (key, value, ttl) => store.set(text(key, "a key"), value, optional(ttl, "ttlSeconds")),
  kvDelete: (key) => store.delete(text(key, "a key")),
  kvIncrement: (key, by, ttl) =>
    store.increment(text(key, "a key"), whole(by, -NUMBER_MAX, NUMBER_MAX, "by"), optional(ttl, "ttlSeconds")),
});

// There is no other clock, no other randomness, and nowhere to print.
const WallDate = Date;
globalThis.Date = class Date extends WallDate {
  constructor(...given) {
    super(...(given.length === 0 ? [nowMs()] : given));
  }

  static now() {
    return nowMs();
  }
};
Math.random = random;
const printing = (level) => (...parts) => log[level](parts.map(String).join(" "));
globalThis.console = {
  debug: printing("debug"),
  log: printing("info"),
  info: printing("info"),
  warn: printing("warn"),
  error: printing("error"),
};

// Runs a filter. A failure is thrown as the interface's own.
export function accept(delivery, filter) {
  const said = saidAloud(() => {
    const answer = filter(ourDelivery(delivery));
    if (answer === undefined) return null;
    if (answer instanceof Answer && answer.kind === "skip") return text(answer.reason, "the reason");
    throw foreign("filter", answer, "nothing or skip()");
  });
  if (said instanceof Failure) throw wireFailure(said);
  return said;
}

// Runs a transform.
export function run(delivery, request, transform) {
  const said = saidAloud(() => {
    const ours = ourRequest(request);
    const answer = transform(ourDelivery(delivery), ours);
    if (answer === undefined) return { tag: "send", val: wireRequest(ours) };
    if (!(answer instanceof Answer)) throw foreign("transform", answer, "nothing, skip() or defer()");
    if (answer.kind === "skip") return { tag: "skip", val: text(answer.reason, "the reason") };
    if (answer.kind === "defer") return { tag: "defer", val: whole(answer.untilMs, 0, NUMBER_MAX, "untilMs") };
    throw foreign("transform", answer, "nothing, skip() or defer()");
  });
  return said instanceof Failure ? { tag: "fail", val: wireFailure(said) } : said;
}

// Runs a receipt.
export function judge(delivery, response, receipt) {
  const judged = (answer) => {
    const kind = answer instanceof Answer ? answer.kind : undefined;
    if (kind === "delivered") return { tag: "delivered" };
    if (kind === "retry") return { tag: "retry-after", val: optional(answer.afterSeconds, "afterSeconds") };
    if (kind === "refused") return { tag: "refused", val: text(answer.reason, "the reason") };
    throw foreign("receipt", answer, "delivered(), retry() or refused()");
  };
  const said = saidAloud(() => judged(receipt(ourDelivery(delivery), ourResponse(response))));
  return said instanceof Failure ? judged(said.asJudgement()) : said;
}

// Runs to an answer or a failure. Whatever else is thrown ends the call, and the log says what it was.
function saidAloud(answer) {
  try {
    return answer();
  } catch (error) {
    if (error instanceof Failure) return error;
    const frames = String(error?.stack ?? "").split("\n").map((line) => line.trim().replace(/^at /, ""));
    const isOwn = (frame) => frame !== "" && !/\b(wire|entry)\.js:/.test(frame);
    const where = frames.filter(isOwn).slice(0, FRAMES_MAX);
    log.error(where.length === 0 ? String(error) : `${error} (${where.join(" < ")})`);
    throw error;
  }
}

function foreign(name, answer, expected) {
  const shown = answer instanceof Promise ? "a promise" : answer instanceof Answer ? answer.kind : String(answer);
  return new TypeError(`\`${name}\` answered ${shown}; expected ${expected}`);
}

function text(value, what) {
  if (typeof value === "string" && value.isWellFormed()) return value;
  throw new TypeError(`${what} is to be a text, and is ${JSON.stringify(value)}`);
}

function whole(value, min, max, what) {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new TypeError(`${what} is to be a whole number from ${min} to ${max}, and is ${value}`);
}

const optional = (value, what) => (value === undefined || value === null ? null : whole(value, 0, 2 ** 32 - 1, what));

function ourDelivery({ lead, ...about }) {
  return new Delivery({ ...about, lead: new Lead(lead) });
}

function ourRequest({ method, url, headers, body }) {
  const ours = body.tag === "form" ? new Form(ourPairs(body.val)) : new Raw(body.val.contentType, body.val.bytes);
  return new Request({ method, url, headers: ourPairs(headers), body: ours });
}

function wireRequest({ method, url, headers, body }) {
  return {
    method: text(method, "the method"),
    url: text(url, "the URL"),
    headers: wirePairs(headers),
    body: body instanceof Form ? { tag: "form", val: wirePairs(body.pairs) } : { tag: "raw", val: wireRaw(body) },
  };
}

function wireRaw({ contentType, bytes }) {
  if (!(bytes instanceof Uint8Array)) throw new TypeError("a body is to be a Form, or a Raw of a Uint8Array");
  return { contentType: text(contentType, "the content type"), bytes };
}

const ourResponse = ({ headers, ...rest }) => new Response({ headers: ourPairs(headers), ...rest });
const wireFailure = ({ code, detail, isRetryable }) => ({
  code: text(code, "a failure's code"),
  message: text(detail, "a failure's detail"),
  retryable: Boolean(isRetryable),
});
const ourPairs = (pairs) => pairs.map(({ name, value }) => [name, value]);
const wirePairs = (pairs) =>
  pairs.map(([name, value]) => ({ name: text(name, "a name"), value: text(value, `the value of \`${name}\``) }));

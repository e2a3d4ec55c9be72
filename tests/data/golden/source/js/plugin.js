// The golden plugin in JavaScript: it uses every function and every case of the interface, as its configuration says.

import {
  config, defer, delivered, Failure, kv, log, nowMs, random, refused, retry, secret, skip,
} from "./leadhook-plugin/index.js";

export function filter(delivery) {
  const { mode } = config();
  if (mode === "filter-skip") return skip(`${delivery.trigger} is not wanted`);
  if (mode === "filter-fail") throw new Failure("busy", "ask again", { isRetryable: true });
}

export function transform(delivery, request) {
  switch (config().mode) {
    case "skip":
      return skip("held back");
    case "defer":
      return defer(nowMs() + 60_000);
    case "fail":
      throw new Failure("golden", "as asked");
    case "raw":
      request.setRaw("text/plain; charset=utf-8", "сырой");
      return request.setHeader("x-golden", "1");
    case "bytes":
      return request.setRaw("application/octet-stream", Uint8Array.of(0, 255, 128, 10));
    case "logs":
      log.debug("one");
      log.info("two");
      log.warn("three");
      log.error("четыре");
      return request.form.set("random", String(Math.floor(random() * 2 ** 24)));
    default:
      return form(delivery, request);
  }
}

function form(delivery, request) {
  const { lead } = delivery;
  const kept = kv.get("kept");
  kv.set("kept", "42");
  kv.set("brief", "7", { ttlSeconds: 60 });
  kv.remove("gone");
  const fields = {
    phone: `+${lead.text("callerphone")}`,
    email: lead.text("email") === undefined ? "unknown" : "known",
    about: [delivery.id, delivery.webhook, delivery.site, delivery.trigger].join(" "),
    times: `${delivery.occurredAtMs} ${nowMs()}`,
    flags: `${delivery.resend} ${delivery.sample}`,
    lead: [lead.site, lead.id, lead.timezone].join(" "),
    tags: lead.tags("tags_manual").join("|"),
    comments: lead.records("comment").map(([party, text]) => `${party}: ${text}`).join("|"),
    secret: secret("token"),
    kept: kept === undefined ? "nothing" : String.fromCharCode(...kept),
    calls: String(kv.increment("calls", 2, { ttlSeconds: 60 })),
  };
  for (const [name, value] of Object.entries(fields)) request.form.set(name, value);
  request.form.remove("unwanted");
  request.setHeader("x-golden", "yes");
  request.url += "?golden=1";
}

export function receipt(delivery, response) {
  const { error } = response.json();
  if (error === undefined) return delivered();
  if (error === "LIMIT") return retry(30);
  if (error === "LATER") return retry();
  return refused(`${response.status} ${error} ${response.header("x-about")}`);
}

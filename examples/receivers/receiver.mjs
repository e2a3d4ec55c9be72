// Receives webhooks with nothing but Node: checks the signature, decodes the pairs, prints the lead as JSON.
//
//     WEBHOOK_SECRETS="whsec_... whsec_..." node receiver.mjs 9000
//
// Several secrets stand side by side while one is being replaced. An answer of 2xx says: I have this lead.
// A webhook can come twice: `webhook-id` is the same then, so remember the ids that you have dealt with.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secrets = (process.env.WEBHOOK_SECRETS ?? "").split(/\s+/).filter(Boolean)
  .map((secret) => Buffer.from(secret.replace(/^whsec_/, ""), "base64"));
const TOLERANCE_SECONDS = 5 * 60;
const BODY_BYTES_MAX = 8 * 1024 * 1024;

// Standard Webhooks: one of our secrets signed `id.timestamp.content`, and not long ago.
function isGenuine(headers, content) {
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (!/^[0-9]{1,12}$/.test(timestamp)) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const given = (headers["webhook-signature"] ?? "").split(" ").map((one) => Buffer.from(one));
  return secrets.some((secret) => {
    const hmac = createHmac("sha256", secret).update(`${headers["webhook-id"]}.${timestamp}.`).update(content);
    const expected = Buffer.from(`v1,${hmac.digest("base64")}`);
    return given.some((one) => one.length === expected.length && timingSafeEqual(one, expected));
  });
}

// `comment[0][party]=A` becomes { comment: [{ party: "A" }] }.
function decode(encoded) {
  const lead = Object.create(null);
  for (const [name, value] of new URLSearchParams(encoded)) {
    const keys = name.match(/[^[\]]+/g) ?? [name];
    const last = keys.pop();
    let place = lead;
    for (const key of keys) {
      place = place[key] ??= Object.create(null);
      if (typeof place !== "object") throw new Error(`${name} stands beside a plain value`);
    }
    place[last] = value;
  }
  return asLists(lead);
}

// Objects whose names are 0, 1, 2 … are lists.
function asLists(value) {
  if (typeof value !== "object") return value;
  for (const key of Object.keys(value)) value[key] = asLists(value[key]);
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key, index) => key === String(index)) ? Object.values(value) : value;
}

async function read(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    if ((bytes += chunk.length) > BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function receive(request) {
  const isGet = request.method === "GET";
  const mark = request.url.indexOf("?");
  const query = mark < 0 ? "" : request.url.slice(mark + 1);
  const content = isGet ? Buffer.from(query) : await read(request);
  if (content === null) return 413;
  if (!isGenuine(request.headers, content)) return 401;
  try {
    // Here the lead goes into your system; answer only when it is safe there.
    console.log(JSON.stringify(decode(content.toString())));
    return 200;
  } catch {
    return 400;
  }
}

const server = createServer((request, response) => {
  receive(request).then((status) => response.writeHead(status).end(), () => response.destroy());
});
server.listen(Number(process.argv[2] ?? 9000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});

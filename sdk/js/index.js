// Write a leadhook plugin in JavaScript: plain functions that filter, rewrite and judge deliveries. What each of these
// is and does stands in index.d.ts.

import * as kv from "./kv.js";

export { config, log, nowMs, random, secret } from "./host.js";
export { Delivery, Lead } from "./lead.js";
export { PARAMETERS } from "./parameter.js";
export { Form, Raw, Request } from "./request.js";
export { Response } from "./response.js";
export { defer, delivered, Failure, refused, retry, skip } from "./verdict.js";
export { kv };

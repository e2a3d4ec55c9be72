// A handler's answer, for a receipt to judge.

import { headerOf } from "./request.js";
import { decoded } from "./text.js";
import { delivered, readJson, refused, retry } from "./verdict.js";

export class Response {
  constructor({ status, headers = [], body = new Uint8Array(), elapsedMs = 0 }) {
    Object.assign(this, { status, headers, body, elapsedMs });
  }

  header(name) {
    return headerOf(this.headers, name);
  }

  text() {
    return decoded(this.body, { lossy: true });
  }

  json() {
    return readJson(this.text());
  }

  get isSuccess() {
    return this.status >= 200 && this.status < 300;
  }

  get retryAfterSeconds() {
    const text = (this.header("retry-after") ?? "").trim();
    const seconds = /^[0-9]+$/.test(text) ? Number(text) : undefined;
    return seconds < 2 ** 32 ? seconds : undefined;
  }

  judgeByStatus() {
    if (this.isSuccess) return delivered();
    if ([408, 425, 429].includes(this.status) || this.status >= 500) return retry(this.retryAfterSeconds);
    return refused(`the handler answered ${this.status}`);
  }
}

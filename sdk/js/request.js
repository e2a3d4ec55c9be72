// The request as it stands at a link of the chain, and how it is edited.

import { encoded } from "./text.js";
import { Failure } from "./verdict.js";

export class Form {
  constructor(pairs = []) {
    this.pairs = pairs.map(([name, value]) => [name, value]);
  }

  [Symbol.iterator]() {
    return this.pairs[Symbol.iterator]();
  }

  get(name) {
    return this.pairs.find(([own]) => own === name)?.[1];
  }

  set(name, value) {
    const place = this.pairs.findIndex(([own]) => own === name);
    if (place < 0) return this.push(name, value);
    this.pairs[place][1] = value;
    this.pairs = this.pairs.filter(([own], index) => index <= place || own !== name);
  }

  push(name, value) {
    this.pairs.push([name, value]);
  }

  remove(name) {
    const first = this.get(name);
    this.pairs = this.pairs.filter(([own]) => own !== name);
    return first;
  }

  rename(before, after) {
    for (const pair of this.pairs) {
      if (pair[0] === before || pair[0].startsWith(`${before}[`)) pair[0] = after + pair[0].slice(before.length);
    }
  }
}

export class Raw {
  constructor(contentType, bytes) {
    Object.assign(this, { contentType, bytes });
  }
}

export class Request {
  constructor({ method, url, headers = [], body = new Form() }) {
    Object.assign(this, { method, url, headers: headers.map(([name, value]) => [name, value]), body });
  }

  static post(url, pairs = []) {
    return new Request({ method: "POST", url, body: new Form(pairs) });
  }

  get form() {
    if (this.body instanceof Form) return this.body;
    const made = `a link before this one made the body \`${this.body.contentType}\``;
    throw new Failure("not_a_form", `${made}: this plugin needs the form, so put it first`);
  }

  setJson(value) {
    this.setRaw("application/json", JSON.stringify(value));
  }

  setRaw(contentType, content) {
    this.method = "POST";
    this.body = new Raw(contentType, typeof content === "string" ? encoded(content) : content);
  }

  header(name) {
    return headerOf(this.headers, name);
  }

  setHeader(name, value) {
    this.removeHeader(name);
    this.headers.push([name.toLowerCase(), value]);
  }

  removeHeader(name) {
    this.headers = this.headers.filter(([own]) => own.toLowerCase() !== name.toLowerCase());
  }

  addQuery(name, value) {
    const query = this.url.split("?").slice(1).join("?");
    const separator = !this.url.includes("?") ? "?" : query === "" || query.endsWith("&") ? "" : "&";
    this.url += `${separator}${percentEncoded(name)}=${percentEncoded(value)}`;
  }
}

// The value of a header, its name in any case.
export function headerOf(headers, name) {
  return headers.find(([own]) => own.toLowerCase() === name.toLowerCase())?.[1];
}

// Encodes all but the unreserved characters of RFC 3986, section 2.3; five more stay in `encodeURIComponent`.
function percentEncoded(text) {
  const hex = (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, hex);
}

// The request and how it is edited, a handler's answer, and the bytes of both.

import assert from "node:assert/strict";
import { test } from "node:test";

import { delivered, Failure, refused, Request, Response, retry } from "../index.js";
import { decoded, encoded } from "../text.js";

const PAIRS = [["id", "1"], ["phone", "7"], ["notes[0][party]", "client"], ["phone", "8"], ["phones", "9"]];

test("pairs are edited where they stand", () => {
  for (const [edit, expected] of [
    [(form) => form.set("phone", "5"), "id=1 phone=5 notes[0][party]=client phones=9"],
    [(form) => form.set("new", "5"), "id=1 phone=7 notes[0][party]=client phone=8 phones=9 new=5"],
    [(form) => form.push("id", "2"), "id=1 phone=7 notes[0][party]=client phone=8 phones=9 id=2"],
    [(form) => assert.equal(form.remove("phone"), "7"), "id=1 notes[0][party]=client phones=9"],
    [(form) => form.rename("notes", "c"), "id=1 phone=7 c[0][party]=client phone=8 phones=9"],
    [(form) => form.rename("phone", "tel"), "id=1 tel=7 notes[0][party]=client tel=8 phones=9"],
  ]) {
    const request = Request.post("https://crm.example/hook", PAIRS);
    edit(request.form);
    assert.equal([...request.form].map((pair) => pair.join("=")).join(" "), expected);
  }
  const { form } = Request.post("https://crm.example/hook", PAIRS);
  assert.deepEqual([form.get("phone"), form.get("pho")], ["7", undefined]);
});

test("json makes a post and is no form any more", () => {
  const request = new Request({ method: "GET", url: "https://crm.example/hook" });
  request.setJson({ a: "я" });
  assert.deepEqual([request.method, decoded(request.body.bytes)], ["POST", '{"a":"я"}']);
  const notAForm = (error) => error instanceof Failure && error.code === "not_a_form" && /json/.test(error.detail);
  assert.throws(() => request.form, notAForm);
});

test("headers are found in any case and kept in lower case", () => {
  const request = Request.post("https://crm.example/hook");
  request.setHeader("X-Source", "a");
  request.setHeader("x-source", "b");
  assert.deepEqual([request.headers, request.header("X-SOURCE")], [[["x-source", "b"]], "b"]);
  request.removeHeader("X-source");
  assert.equal(request.header("x-source"), undefined);
});

test("a query is added to the one there is", () => {
  for (const [url, expected] of [
    ["https://a.example/", "https://a.example/?k=a%20%D1%8F%26%21"],
    ["https://a.example/?", "https://a.example/?k=a%20%D1%8F%26%21"],
    ["https://a.example/?x=1", "https://a.example/?x=1&k=a%20%D1%8F%26%21"],
  ]) {
    const request = Request.post(url);
    request.addQuery("k", "a я&!");
    assert.equal(request.url, expected);
  }
});

test("a status alone judges an answer", () => {
  for (const [status, retryAfter, expected] of [
    [200, undefined, delivered()],
    [204, "5", delivered()],
    [302, undefined, refused("the handler answered 302")],
    [429, " 30", retry(30)],
    [503, "Fri, 31 Dec 1999 23:59:59 GMT", retry()],
    [503, "99999999999", retry()],
    [500, undefined, retry()],
  ]) {
    const headers = retryAfter === undefined ? [] : [["retry-after", retryAfter]];
    assert.deepEqual(new Response({ status, headers }).judgeByStatus(), expected);
  }
});

test("a body that is no json is a failure and has a text", () => {
  const response = new Response({ status: 200, body: Uint8Array.of(0xff, 0x7b) });
  assert.equal(response.text(), "\ufffd{");
  assert.throws(() => response.json(), (error) => error instanceof Failure && error.code === "bad_json");
});

test("texts become the bytes that they are everywhere, and bytes those texts", () => {
  for (const text of ["", "aя€😀\u0000\u07ff\u0800\uffff\u{10ffff}", "a\ud800b"]) {
    assert.deepEqual(encoded(text), new TextEncoder().encode(text));
    assert.equal(decoded(encoded(text)), text.toWellFormed());
  }
  const bad = [[0x80], [0xc0, 0x80], [0xc3], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf5]];
  for (const bytes of bad) {
    assert.throws(() => decoded(Uint8Array.from(bytes)), RangeError, String(bytes));
    assert.equal(decoded(Uint8Array.from(bytes), { lossy: true }), "\ufffd".repeat(bytes.length));
  }
});

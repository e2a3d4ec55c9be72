// State of this plugin in this webhook, kept from one delivery to the next.

import { current } from "./engine.js";
import { decoded, encoded } from "./text.js";
import { readJson } from "./verdict.js";

export const get = (key) => current().kvGet(key);

export function getJson(key) {
  const value = get(key);
  return value === undefined ? undefined : readJson(decoded(value), `\`${key}\`: `);
}

export function set(key, value, { ttlSeconds } = {}) {
  const bytes = typeof value === "string" ? encoded(value) : value;
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`the value of \`${key}\` is to be bytes or a text`);
  current().kvSet(key, bytes, ttlSeconds);
}

export const setJson = (key, value, options) => set(key, JSON.stringify(value), options);

export function remove(key) {
  current().kvDelete(key);
}

export const increment = (key, by = 1, { ttlSeconds } = {}) => current().kvIncrement(key, by, ttlSeconds);

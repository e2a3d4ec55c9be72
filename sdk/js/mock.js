// The engine's side in a native test: a host with a configuration, secrets, a time and a store in memory.

import { install } from "./engine.js";
import { decoded, encoded } from "./text.js";

export const KEY_BYTES_MAX = 256;
export const VALUE_BYTES_MAX = 64 * 1024;

export class Host {
  #kv = new Map();

  constructor({ config = {}, secrets = {}, nowMs = 0, seed = 0, kv = {} } = {}) {
    Object.assign(this, { config, secrets, nowMs, seed: BigInt(seed), lines: [] });
    for (const [key, value] of Object.entries(kv)) this.#kv.set(key, { value: encoded(value) });
  }

  run(call) {
    const before = install(this.#engine());
    try {
      return call();
    } finally {
      install(before);
    }
  }

  stored() {
    const keys = [...this.#kv.keys()].filter((key) => this.#alive(key)).sort();
    return Object.fromEntries(keys.map((key) => [key, decoded(this.#kv.get(key).value, { lossy: true })]));
  }

  #alive(key) {
    const entry = this.#kv.get(checked(key));
    return entry !== undefined && (entry.endsAtMs === undefined || this.nowMs < entry.endsAtMs) ? entry : undefined;
  }

  #endOf(ttlSeconds) {
    return ttlSeconds === undefined ? undefined : this.nowMs + ttlSeconds * 1000;
  }

  // SplitMix64: every seed gives good numbers, and the same ones each time.
  #random() {
    const bits = (number) => BigInt.asUintN(64, number);
    this.seed = bits(this.seed + 0x9e3779b97f4a7c15n);
    let mixed = this.seed;
    mixed = bits((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
    mixed = bits((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
    return Number(mixed ^ (mixed >> 31n));
  }

  #increment(key, by, ttlSeconds) {
    const { value, endsAtMs } = this.#alive(key) ?? { value: encoded("0"), endsAtMs: this.#endOf(ttlSeconds) };
    const sum = Number(decoded(value)) + by;
    if (!Number.isSafeInteger(sum)) throw new RangeError(`\`${key}\` does not come to a whole number`);
    this.#kv.set(key, { value: encoded(String(sum)), endsAtMs });
    return sum;
  }

  #engine() {
    return {
      log: (level, line) => this.lines.push([level, line]),
      config: () => JSON.stringify(this.config),
      secret: (name) => (Object.hasOwn(this.secrets, name) ? this.secrets[name] : undefined),
      nowMs: () => this.nowMs,
      random: () => this.#random(),
      kvGet: (key) => this.#alive(key)?.value,
      kvSet: (key, value, ttlSeconds) => {
        if (value.length > VALUE_BYTES_MAX) throw new RangeError(`the value of \`${key}\` has ${value.length} bytes`);
        this.#kv.set(checked(key), { value, endsAtMs: this.#endOf(ttlSeconds) });
      },
      kvDelete: (key) => this.#kv.delete(checked(key)),
      kvIncrement: (key, by, ttlSeconds) => this.#increment(key, by, ttlSeconds),
    };
  }
}

function checked(key) {
  const length = encoded(key).length;
  if (length >= 1 && length <= KEY_BYTES_MAX) return key;
  throw new RangeError(`a key has 1 to ${KEY_BYTES_MAX} bytes: \`${key}\``);
}

// What the engine gives besides a plugin's arguments: configuration, secrets, the time, numbers and a log.

import { current } from "./engine.js";
import { Failure } from "./verdict.js";

export function config(defaults) {
  const given = JSON.parse(current().config());
  if (kindOf(given) !== "object") throw new Failure("bad_config", "the configuration is to be a JSON object");
  if (defaults === undefined) return given;
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, key)) {
      const known = Object.keys(defaults).map((name) => `\`${name}\``);
      throw new Failure("bad_config", `unknown key \`${key}\`, expected one of ${known.join(", ")}`);
    }
    const expected = kindOf(defaults[key]);
    if (expected !== "null" && expected !== kindOf(value)) {
      throw new Failure("bad_config", `\`${key}\` is to be a ${expected}, and is a ${kindOf(value)}`);
    }
  }
  return { ...defaults, ...given };
}

// What JSON calls a value of this type.
function kindOf(value) {
  if (value === null || value === undefined) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

export function secret(name) {
  const value = current().secret(name);
  if (value === undefined) {
    throw new Failure("no_secret", `the secret \`${name}\` is not given: name it in the link's \`secrets\``);
  }
  return value;
}

export const nowMs = () => current().nowMs();
// The engine's number has 64 bits, of which 53 arrive.
export const random = () => Math.min(Math.floor(current().random() / 2 ** 11), 2 ** 53 - 1) / 2 ** 53;

const line = (level) => (text) => current().log(level, String(text));
export const log = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };

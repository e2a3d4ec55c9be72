// Fixtures: sample leads with what is to come of them, one folder each, checked in a native test.

/** A module with a filter, a transform or a receipt. */
export type Plugin = Record<string, unknown>;

/**
 * Checks every folder of `fixtures` in this folder of a plugin, and throws what is wrong. With `UPDATE_FIXTURES` in
 * the environment what came out is written to `expected.json` instead.
 */
export function check(folder: string | URL, plugin: Plugin): void;

/** Runs a plugin over one fixture and answers what came out, in the form of `expected.json`. */
export function run(fixture: string | URL, plugin: Plugin): Record<string, unknown>;

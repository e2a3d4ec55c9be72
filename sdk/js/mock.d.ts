// The engine's side in a native test: a host with a configuration, secrets, a time and a store in memory.

/** The longest key in bytes; the shortest has one. */
export const KEY_BYTES_MAX: number;
/** The most bytes of a value. */
export const VALUE_BYTES_MAX: number;

/** What a plugin's functions find when a test calls them. State stays from one `run` to the next. */
export class Host {
  constructor(given?: {
    /** The link's configuration. */
    config?: Record<string, unknown>;
    /** The secrets that the link names. */
    secrets?: Record<string, string>;
    /** The time of the rendering, in Unix milliseconds. */
    nowMs?: number;
    /** What the random numbers begin with. */
    seed?: number;
    /** What its store holds before, for ever. */
    kv?: Record<string, string>;
  });
  config: Record<string, unknown>;
  secrets: Record<string, string>;
  nowMs: number;
  /** The log so far: levels with lines. */
  readonly lines: [level: "debug" | "info" | "warn" | "error", line: string][];
  /** Calls this with the host around it. */
  run<Answer>(call: () => Answer): Answer;
  /** What the store holds that has not ended, by key, as texts. */
  stored(): Record<string, string>;
}

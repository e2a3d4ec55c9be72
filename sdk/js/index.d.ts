// Write a leadhook plugin in JavaScript: plain functions that filter, rewrite and judge deliveries.
//
// A plugin is a module plugin.js that exports at least one of three functions:
//
// - `filter(delivery)`, asked before anything is sent: nothing lets the delivery pass, `skip(…)` ends it;
// - `transform(delivery, request)`, which edits the request: nothing sends it, `skip(…)` and `defer(…)` do not;
// - `receipt(delivery, response)`, which judges the handler's answer: `delivered()`, `retry(…)` or `refused(…)`.
//
// Each may throw a `Failure`. Any other error ends the call; its text stands in the delivery's log. The engine calls
// each in a fresh instance with limits on fuel, time, memory and sizes, so nothing stays in memory from one delivery to
// the next; what shall stay goes into `kv`.
//
// There are no files, no network and no timers, and a function is not to be `async`. `Date` gives the rendering's time,
// `Math.random` the numbers of `random`, `console` writes into the delivery's log; in a native test they are those of
// Node.js, so a plugin that is tested takes `nowMs` and `random`.

/** Parameters whose value is a text: a word, a phone, a time, an address. */
export type TextParameter =
  | "leadtype" | "callphase" | "id" | "changedFields" | "requestId" | "requestNumber" | "subject" | "ctCallerId"
  | "fio" | "callerphone" | "email" | "phonenumber" | "redirectNumber" | "calltime" | "requestDate" | "status"
  | "targetcall" | "uniqtargetcall" | "callback" | "targetrequest" | "uniqtargetrequest" | "worktime" | "pool"
  | "source" | "medium" | "utm_source" | "utm_medium" | "utm_campaign" | "utm_content" | "utm_term" | "gcid"
  | "yaClientId" | "sessionId" | "hostname" | "url" | "callUrl" | "requestUrl" | "callback_request_id" | "ref"
  | "city" | "browser" | "os" | "device" | "ip" | "sip_call_id" | "callReferenceNumber" | "reclink" | "orderId"
  | "siteId" | "siteName" | "userAgent" | "manager";
/** Parameters whose value is a whole number as text. */
export type NumberParameter =
  | "duration" | "waiting_time" | "timestamp" | "rating" | "attribution" | "sendingTimestamp";
/** Parameters whose value is `true` or `false` as text. */
export type FlagParameter = "unique" | "uniquerequest" | "callback_final_attempt" | "spam";
/** Parameters whose value is a JSON object as text. */
export type ObjectParameter = "attrs";
/** Parameters whose value is a list of texts. */
export type TagsParameter =
  | "tags_auto_pr" | "tags_auto_af" | "tags_auto_gr" | "tags_auto_ct" | "tags_auto_pn" | "tags_manual"
  | "tags_api" | "tags_request";
/** Parameters whose value is a list of objects with two fields. */
export type RecordsParameter = "comment" | "add_url_params" | "text";
/** One of the 74 parameters of the catalogue. */
export type Parameter =
  | TextParameter | NumberParameter | FlagParameter | ObjectParameter | TagsParameter | RecordsParameter;

/** The form of a parameter's value. */
export type Kind = "text" | "number" | "flag" | "object" | "tags" | "records";

/** Every parameter in the order in which they are sent, with the form of its value. */
export const PARAMETERS: Readonly<Record<Parameter, Kind>>;

/** One arrival of the lead's visitor on the site; what is not known is absent. */
export interface Visit {
  /** RFC 3339 in UTC. */
  at?: string;
  url?: string;
  ref?: string;
  source?: string;
  sessionId?: string;
  /** Third-party cookies. */
  attrs?: Record<string, string>;
  [field: string]: unknown;
}

/**
 * The lead that a delivery is about. Its JSON is read when something is first asked of it. What has no value is
 * `undefined`, never an empty text. A name that the catalogue does not have is an error of the plugin, except in `get`,
 * which also finds what a newer engine may add.
 */
export class Lead {
  constructor(json: string);
  /** A lead for a test. */
  static of(fields: Record<string, unknown>): Lead;
  /** The lead as the JSON text it came as. */
  readonly json: string;
  /** The whole lead: `site`, `type`, `id`, `parameters`, `visits`, `started_at`, `timezone`, `country`, `renamed`. */
  readonly fields: Record<string, unknown>;
  /** The id of its site. */
  readonly site: string;
  /** Whether it is a call or a request: a form sent on a site. */
  readonly kind: "call" | "request";
  /** Its id at its source. */
  readonly id: string;
  /** When it began, as RFC 3339 in UTC. */
  readonly startedAt: string | undefined;
  /** The IANA time zone of its site, such as `Europe/Moscow`. */
  readonly timezone: string | undefined;
  /** The country of its site in two letters, such as `RU`. */
  readonly country: string | undefined;
  /** The visitor's visits, oldest first. */
  readonly visits: Visit[];
  /** Every parameter that has a value, in the catalogue's order. */
  readonly parameters: Record<string, unknown>;
  /** The value of the parameter with this name, of any form. */
  get(name: string): unknown;
  /** The text of a parameter, as it would be sent. */
  text(parameter: TextParameter | NumberParameter | FlagParameter | ObjectParameter): string | undefined;
  /** The whole number of a parameter, such as `duration`. */
  number(parameter: NumberParameter): number | undefined;
  /** The yes or no of a parameter, such as `spam`. */
  flag(parameter: FlagParameter): boolean | undefined;
  /** The tags of one tag parameter, none when it has no value. */
  tags(parameter: TagsParameter): string[];
  /** The elements of a list as their two fields: party and comment, channel and phrase, or name and value. */
  records(parameter: RecordsParameter): [string, string][];
  /** The name under which the webhook sends a parameter. */
  nameAsSent(parameter: Parameter): string;
  /** The parameter that the webhook sends under this name; a renamed one is not known by its own. */
  parameterAsSent(name: string): string | undefined;
}

/** What the engine tells about the delivery at hand. */
export class Delivery {
  /** A delivery of this lead for a test: its trigger is the end of a call or the arrival of a request. */
  static of(lead: Lead | Record<string, unknown>, about?: Partial<Delivery>): Delivery;
  /** Its id, the same in every attempt. */
  readonly id: string;
  /** The webhook's id. */
  readonly webhook: string;
  /** The site's id. */
  readonly site: string;
  /** What it is sent for, as in settings: `call_ended`, `request_created` and so on. */
  readonly trigger: string;
  /** When that happened, in Unix milliseconds. */
  readonly occurredAtMs: number;
  /** Whether it is sent again by a resend. */
  readonly resend: boolean;
  /** Whether it is a preview or a probe: a lead that is nobody's. */
  readonly sample: boolean;
  /** The lead. */
  readonly lead: Lead;
}

/** A name with its value. */
export type Pair = [name: string, value: string];

/** Names with values in the order in which they are sent. A name may stand there more than once. */
export class Form implements Iterable<Pair> {
  constructor(pairs?: Pair[]);
  pairs: Pair[];
  [Symbol.iterator](): Iterator<Pair>;
  /** The first value of a name. */
  get(name: string): string | undefined;
  /** Sets a value in the place where the name stands, or at the end; further pairs of that name go. */
  set(name: string, value: string): void;
  /** Adds a pair at the end. */
  push(name: string, value: string): void;
  /** Removes every pair of a name and answers the first value. */
  remove(name: string): string | undefined;
  /** Gives a parameter another name in place; of a list too, whose pairs keep their indices. */
  rename(before: string, after: string): void;
}

/** Bytes that are sent as they are. */
export class Raw {
  constructor(contentType: string, bytes: Uint8Array);
  /** What the bytes are, such as `application/json`. */
  contentType: string;
  bytes: Uint8Array;
}

/** What is sent. The engine checks what comes back like any input from outside. */
export class Request {
  constructor(parts: { method: "GET" | "POST"; url: string; headers?: Pair[]; body?: Form | Raw });
  /** A POST of a form with these pairs. */
  static post(url: string, pairs?: Pair[]): Request;
  /** `GET` sends a form as the query, `POST` as the body. */
  method: "GET" | "POST";
  /** Where to: an http or https URL that the engine's address guard lets pass. */
  url: string;
  /** Names in lower case with their values, which have no CR, LF or NUL. */
  headers: Pair[];
  body: Form | Raw;
  /** The form, to be read and edited; throws `not_a_form` when a link before this one made another body. */
  readonly form: Form;
  /** Sends this as JSON in place of what the request carried. A GET becomes a POST, since it has no body. */
  setJson(value: unknown): void;
  /** Sends these bytes, or this text as UTF-8, in place of what the request carried. A GET becomes a POST. */
  setRaw(contentType: string, content: Uint8Array | string): void;
  /** The value of a header, its name in any case. */
  header(name: string): string | undefined;
  /** Sets a header in place of all that have its name. */
  setHeader(name: string, value: string): void;
  /** Removes every header of this name, in any case. */
  removeHeader(name: string): void;
  /** Adds a pair to the URL's own query, percent-encoded. */
  addQuery(name: string, value: string): void;
}

/** What a handler answered. */
export class Response {
  constructor(parts: { status: number; headers?: Pair[]; body?: Uint8Array; elapsedMs?: number });
  /** The HTTP status. */
  readonly status: number;
  /** Names in lower case with their values. */
  readonly headers: Pair[];
  /** The body, cut at the engine's limit. */
  readonly body: Uint8Array;
  /** How long the answer took, in milliseconds. */
  readonly elapsedMs: number;
  /** The value of a header, its name in any case. */
  header(name: string): string | undefined;
  /** The body as text; bytes that are not UTF-8 become U+FFFD. */
  text(): string;
  /** The body read as JSON; throws `bad_json` when it is none. */
  json(): any;
  /** Whether the status is 2xx. */
  readonly isSuccess: boolean;
  /** The seconds of `Retry-After`, when it states seconds (RFC 9110, section 10.2.3). */
  readonly retryAfterSeconds: number | undefined;
  /**
   * The judgement by the status alone, for where the body says nothing: 2xx is delivered; 408, 425, 429 and 5xx are
   * tried again, after `Retry-After` when it states seconds; others are refused.
   */
  judgeByStatus(): Judgement;
}

declare const kind: unique symbol;
/** The delivery ends as skipped. */
export interface Skip { readonly [kind]: "skip" }
/** The delivery is tried again later, without an attempt being spent. */
export interface Defer { readonly [kind]: "defer" }
/** What a receipt answers. */
export interface Judgement { readonly [kind]: "judgement" }

/** What a filter answers: nothing lets the delivery pass. */
export type Decision = Skip | void;
/** What a transform answers: nothing sends the request as the transform left it. */
export type Verdict = Skip | Defer | void;

/** Ends the delivery as skipped, for this reason. A filter or a transform may answer it. */
export function skip(reason: string): Skip;
/** Has it tried again at that time (Unix milliseconds). */
export function defer(untilMs: number): Defer;
/** The handler has it. */
export function delivered(): Judgement;
/** It counts as failed and the retry policy follows, after the seconds that the handler asked for. */
export function retry(afterSeconds?: number): Judgement;
/** Failed for good, without a retry, for this reason. */
export function refused(reason: string): Judgement;

/**
 * Why a plugin could not do its work; the link's `on_error` says what follows. `code` is a short stable word such as
 * `bad_config`, `detail` is words for the webhook's owner. One that is retryable may pass by itself.
 */
export class Failure extends Error {
  constructor(code: string, detail: string, options?: { isRetryable?: boolean });
  readonly code: string;
  readonly detail: string;
  readonly isRetryable: boolean;
  /** What a receipt's failure means for the answer that it could not judge. */
  asJudgement(): Judgement;
}

/**
 * The link's configuration over these defaults. With defaults, a key that they do not have and a value of another type
 * than theirs are refused by name; a default of `null` takes any value. Without defaults it is given as it is.
 */
export function config<Settings extends object = Record<string, any>>(defaults?: Settings): Settings;

/** A secret that the link's settings name in `secrets`; throws `no_secret` when they do not. */
export function secret(name: string): string;

/** The time of the rendering in Unix milliseconds. It stands still during a call, so that it can be replayed. */
export function nowMs(): number;

/** A number from 0 to below 1, seeded by the delivery's id: the same in each replay. Not for keys or secrets. */
export function random(): number;

/** The delivery's log. Beyond 100 lines or 16 KiB lines are dropped and the cut is marked. */
export const log: {
  /** For whoever develops the plugin. */
  debug(line: string): void;
  /** What happened. */
  info(line: string): void;
  /** What somebody may want to look at. */
  warn(line: string): void;
  /** What went wrong. */
  error(line: string): void;
};

/**
 * State of this plugin in this webhook, kept from one delivery to the next. Later calls see a write at once; it becomes
 * durable together with the delivery's outcome. A key has 1 to 256 bytes, a value at most 64 KiB; beyond that the call
 * ends as an error. Other webhooks and other plugins have their own.
 */
export namespace kv {
  /** How long a value lives; for ever unless given. */
  interface Life { ttlSeconds?: number }
  /** The value of a key, unless there is none or its time to live is over. */
  function get(key: string): Uint8Array | undefined;
  /** The value of a key read as JSON; throws `bad_json` where it is no JSON. */
  function getJson(key: string): any;
  /** Sets a value. */
  function set(key: string, value: Uint8Array | string, life?: Life): void;
  /** Sets a value as JSON. */
  function setJson(key: string, value: unknown, life?: Life): void;
  /** Removes a value. */
  function remove(key: string): void;
  /**
   * Adds to a number and answers the sum; an absent key counts as 0. The time to live begins when the key does. Sums
   * are exact up to 2^53.
   */
  function increment(key: string, by?: number, life?: Life): number;
}

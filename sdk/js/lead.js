// The lead of a delivery: access to the JSON that the engine gives, and the delivery itself.

import { PARAMETERS } from "./parameter.js";

export class Lead {
  #fields;

  constructor(json) {
    this.json = json;
  }

  static of(fields) {
    return new Lead(JSON.stringify(fields));
  }

  get fields() {
    this.#fields ??= JSON.parse(this.json);
    return this.#fields;
  }

  get site() {
    return this.fields.site;
  }

  get kind() {
    return this.fields.type;
  }

  get id() {
    return this.fields.id;
  }

  get startedAt() {
    return this.fields.started_at;
  }

  get timezone() {
    return this.fields.timezone;
  }

  get country() {
    return this.fields.country;
  }

  get visits() {
    return this.fields.visits ?? [];
  }

  get parameters() {
    return this.fields.parameters;
  }

  get(name) {
    return Object.hasOwn(this.parameters, name) ? this.parameters[name] : undefined;
  }

  text(parameter) {
    const value = this.get(known(parameter));
    return typeof value === "string" ? value : undefined;
  }

  number(parameter) {
    const text = this.text(parameter);
    return text !== undefined && /^-?[0-9]+$/.test(text) ? Number(text) : undefined;
  }

  flag(parameter) {
    const text = this.text(parameter);
    return text === "true" ? true : text === "false" ? false : undefined;
  }

  tags(parameter) {
    return this.#list(parameter).filter((tag) => typeof tag === "string");
  }

  records(parameter) {
    const records = this.#list(parameter).map((record) => Object.values(record).slice(0, 2));
    return records.filter((fields) => fields.length === 2);
  }

  nameAsSent(parameter) {
    return this.#renamed.get(known(parameter)) ?? parameter;
  }

  parameterAsSent(name) {
    for (const [own, sent] of this.#renamed) if (sent === name) return own;
    return Object.hasOwn(PARAMETERS, name) && !this.#renamed.has(name) ? name : undefined;
  }

  get #renamed() {
    return new Map(Object.entries(this.fields.renamed ?? {}));
  }

  #list(parameter) {
    const value = this.get(known(parameter));
    return Array.isArray(value) ? value : [];
  }
}

function known(parameter) {
  if (Object.hasOwn(PARAMETERS, parameter)) return parameter;
  throw new RangeError(`there is no parameter \`${parameter}\`; \`get\` takes any name`);
}

export class Delivery {
  constructor({ id, webhook, site, trigger, occurredAtMs, resend, sample, lead }) {
    Object.assign(this, { id, webhook, site, trigger, occurredAtMs, resend, sample, lead });
  }

  static of(fields, about = {}) {
    const lead = fields instanceof Lead ? fields : Lead.of(fields);
    const usual = {
      id: "dlv_test",
      webhook: "wh_test",
      site: lead.site,
      trigger: lead.kind === "call" ? "call_ended" : "request_created",
      occurredAtMs: 0,
      resend: false,
      sample: false,
    };
    return new Delivery({ ...usual, ...about, lead });
  }
}

// What a plugin answers, and why it could not.

// An answer that the border to the engine knows by its class.
export class Answer {
  constructor(kind, fields) {
    Object.assign(this, { kind }, fields);
    Object.freeze(this);
  }
}

export const skip = (reason) => new Answer("skip", { reason });
export const defer = (untilMs) => new Answer("defer", { untilMs });
export const delivered = () => new Answer("delivered", {});
export const retry = (afterSeconds) => new Answer("retry", { afterSeconds });
export const refused = (reason) => new Answer("refused", { reason });

export class Failure extends Error {
  constructor(code, detail, { isRetryable = false } = {}) {
    super(`${code}: ${detail}`);
    this.name = "Failure";
    Object.assign(this, { code, detail, isRetryable });
  }

  asJudgement() {
    return this.isRetryable ? retry() : refused(this.message);
  }
}

// Reads JSON, and makes a failure of what is none.
export function readJson(text, where = "") {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Failure("bad_json", where + error.message);
  }
}

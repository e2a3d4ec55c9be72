// Writes the caller's phone with a plus, and holds back leads without one.

import { config, skip } from "./leadhook-plugin/index.js";

/**
 * @param {import("./leadhook-plugin/index.js").Delivery} delivery
 * @param {import("./leadhook-plugin/index.js").Request} request
 * @returns {import("./leadhook-plugin/index.js").Verdict}
 */
export function transform(delivery, request) {
  // What the link's `config` may hold, with what it is unless given; anything else is refused by name.
  const { field } = config({ field: "phone" });
  const phone = delivery.lead.text("callerphone");
  if (phone === undefined) return skip("the lead has no phone");
  request.form.set(field, `+${phone}`);
}

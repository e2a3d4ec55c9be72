// Lets calls pass that lasted long enough, and no requests.

import { config, skip } from "../../index.js";

export function filter(delivery) {
  const { seconds_min: secondsMin } = config({ seconds_min: 0 });
  if (delivery.lead.kind !== "call") return skip("only calls are wanted");
  if ((delivery.lead.number("duration") ?? 0) < secondsMin) return skip(`the call lasted less than ${secondsMin} s`);
}

// Judges a handler that answers 200 with the error inside: `{"error": "LIMIT"}`.

import { delivered, refused, retry } from "../../index.js";

export function receipt(delivery, response) {
  if (!response.isSuccess) return response.judgeByStatus();
  const { error } = response.json();
  if (error === undefined) return delivered();
  return error === "LIMIT" ? retry(30) : refused(`the handler said ${error}`);
}

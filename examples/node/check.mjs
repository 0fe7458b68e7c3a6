// Ends an example with a message when an answer is wrong; yours needs none of this.

import { isDeepStrictEqual, inspect } from "node:util";

/** Compares with what the simulated model must say. OFFPEAK_CHECK=0 turns it off, for a real model. */
export function expect(what, got, wanted) {
  if (isDeepStrictEqual(got, wanted) || process.env.OFFPEAK_CHECK === "0") return;
  console.error(`${what}: expected ${inspect(wanted)}, got ${inspect(got)}`);
  process.exit(1);
}

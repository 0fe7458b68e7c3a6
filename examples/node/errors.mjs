// Errors are the SDK's own classes, also those of a request that failed hours later in a batch.

import { randomUUID } from "node:crypto";
import OpenAI from "openai";
import { expect } from "./check.mjs";

const client = new OpenAI({ maxRetries: 1000 });

/** Asks, keeping the headers at hand. */
function ask(text, { using = client, headers, ...more } = {}) {
  const messages = [{ role: "user", content: text }];
  return using.chat.completions.create({ model: "gpt-4.1-mini", messages, ...more }, { headers }).withResponse();
}

/** Asks and returns the error, which must be of this very class. */
async function expectError(errorClass, text, options) {
  try {
    await ask(text, options);
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    console.log(error.status, error.constructor.name, error.message);
    expect("class of the error", error.constructor.name, errorClass.name);
    return error;
  }
  expect("outcome", "an answer", errorClass.name);
}

// The provider refused the line: its status and its body reach the caller as they are.
// (The user field tells the simulated provider which status to give.)
for (const [status, errorClass] of [
  [400, OpenAI.BadRequestError],
  [404, OpenAI.NotFoundError],
  [422, OpenAI.UnprocessableEntityError],
]) {
  const error = await expectError(errorClass, "Refuse me.", { user: `sim-status-${status}` });
  expect("status", error.status, status);
  expect("job", error.headers.get("x-offpeak-job")?.startsWith("job_"), true);
}

// An Idempotency-Key makes a request safe to repeat, even after a restart: the job runs once and answers both.
// (Set it as a header: this SDK's own idempotencyKey option sends nothing.)
const headers = { "Idempotency-Key": `invoice-${randomUUID()}` };
const first = await ask("Sum up invoice 4711.", { headers });
const again = await ask("Sum up invoice 4711.", { headers });
expect("job of the repeated call", again.response.headers.get("x-offpeak-job"), first.response.headers.get("x-offpeak-job"));
expect("repeated answer", again.data.choices, first.data.choices);

// The same key for another request is a mistake. It is said at once; the SDK does not retry, as it would another 409.
const conflict = await expectError(OpenAI.ConflictError, "Sum up invoice 4712.", { headers });
expect("x-should-retry", conflict.headers.get("x-should-retry"), "false");

// These two depend on the gateway's configuration, so they are asked for.
if (process.env.OFFPEAK_UNKNOWN_MODEL) {
  // it has routes, and none for this model
  const error = await expectError(OpenAI.NotFoundError, "Hello?", { model: "no-such-model" });
  expect("code", error.code, "model_not_found");
}
if (process.env.OFFPEAK_WRONG_KEY) {
  // it runs with --auth keys
  const stranger = new OpenAI({ apiKey: "not-a-key-of-this-gateway", maxRetries: 1000 });
  await expectError(OpenAI.AuthenticationError, "Hello?", { using: stranger });
}

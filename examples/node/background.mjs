// A background response: create it, go away, retrieve it later; follow it as a stream; cancel it; delete it.

import { setTimeout } from "node:timers/promises";
import OpenAI from "openai";
import { expect } from "./check.mjs";

const client = new OpenAI({ maxRetries: 1000 });

/** Hands in a question: answered at once, whatever the batch takes. */
function create(question, more = {}) {
  return client.responses.create({ model: "gpt-4.1-mini", input: question, background: true, ...more });
}

/** Asks for a response until it has ended. */
async function ended(response) {
  while (["queued", "in_progress"].includes(response.status)) {
    await setTimeout(1000);
    response = await client.responses.retrieve(response.id);
    console.log(response.id, response.status);
  }
  return response;
}

// The id is all that you need to keep. service_tier: "flex" in place of background: true does the same.
let question = "What is the tallest mountain of Norway?";
const queued = await create(question, { metadata: { invoice: "4711" } });
expect("status", queued.status, "queued");
expect("metadata", queued.metadata, { invoice: "4711" });
const response = await ended(queued);
console.log(response.output_text);
expect("response", [response.id, response.status], [queued.id, "completed"]);
expect("output", response.output_text, `echo: ${question}`);
expect("background", [response.background, response.service_tier], [true, "flex"]);

// A conversation goes on from it by its id.
const following = await create("And of Sweden?", { previous_response_id: response.id });

// As a stream: the first events say the id, so that whoever loses the connection goes on after the event that came last.
question = "Tell me a very short story.";
let id;
let cursor;
for await (const event of await create(question, { stream: true })) {
  console.log(event.sequence_number, event.type);
  if (event.type === "response.queued") {
    id = event.response.id;
    cursor = event.sequence_number;
    break; // as if the connection had been cut here
  }
}
let story = "";
let last;
for await (last of await client.responses.retrieve(id, { stream: true, starting_after: cursor })) {
  console.log(last.sequence_number, last.type);
  expect("sequence number", last.sequence_number, cursor + 1);
  cursor = last.sequence_number;
  if (last.type === "response.output_text.delta") story += last.delta;
}
expect("last event", last.type, "response.completed");
expect("story", [last.response.id, story], [id, `echo: ${question}`]);

// Cancelled at once while it waits; once it is in a batch, when that ends, unless its answer is faster.
const cancelled = await ended(await client.responses.cancel(following.id));
expect("end of a cancelled response", ["cancelled", "completed"].includes(cancelled.status), true);

// Deleted, it is not found any more.
await client.responses.delete(id);
try {
  await client.responses.retrieve(id);
  expect("a deleted response", "there", "not found");
} catch (error) {
  if (!(error instanceof OpenAI.NotFoundError)) throw error;
  console.log(error.message);
}

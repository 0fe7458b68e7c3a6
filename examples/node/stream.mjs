// A streamed chat completion: the connection stays open until the answer is there, however long that is.

import OpenAI from "openai";
import { expect } from "./check.mjs";

// No maxRetries here: the gateway sends a comment now and then, so that nothing on the way takes the line for dead.
const client = new OpenAI();

const question = "Tell me a very short story.";
const stream = await client.chat.completions.create({
  model: "gpt-4.1-mini",
  messages: [{ role: "user", content: question }],
  stream: true,
  stream_options: { include_usage: true },
});

let story = "";
let finishReason;
let usage;
for await (const chunk of stream) {
  usage = chunk.usage ?? usage; // in the last chunk, which has no choices
  for (const choice of chunk.choices) {
    story += choice.delta.content ?? "";
    finishReason = choice.finish_reason ?? finishReason;
    process.stdout.write(choice.delta.content ?? "");
  }
}
console.log();

expect("story", story, `echo: ${question}`);
expect("finish_reason", finishReason, "stop");
expect("usage arrived", usage?.total_tokens > 0, true);

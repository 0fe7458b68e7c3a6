// A batch: many requests in one file, streamed from disk, whose results come as one file. The code is OpenAI's own.

import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { toFile } from "openai";
import { expect } from "./check.mjs";

const client = new OpenAI();
const COUNT = 40;

/** One line. */
function request(number) {
  const messages = [{ role: "user", content: `Describe product ${number}.` }];
  const body = { model: "gpt-4.1-mini", messages };
  return { custom_id: `item ${number}`, method: "POST", url: "/v1/chat/completions", body };
}

const numbers = Array.from({ length: COUNT }, (_, number) => number);
const lines = numbers.map((number) => JSON.stringify(request(number)) + "\n").join("");
const folder = await mkdtemp(join(tmpdir(), "offpeak-"));
const path = join(folder, "products of today.jsonl");
await writeFile(path, lines);
const file = await client.files.create({ file: createReadStream(path), purpose: "batch" });
await rm(folder, { recursive: true });
expect("file", [file.status, file.bytes, file.filename], ["processed", lines.length, "products of today.jsonl"]);
await client.files.waitForProcessing(file.id);

let batch = await client.batches.create({
  input_file_id: file.id,
  endpoint: "/v1/chat/completions",
  completion_window: "24h",
});
while (["validating", "in_progress", "finalizing"].includes(batch.status)) {
  await new Promise((wake) => setTimeout(wake, 500)); // with a real provider: a minute
  batch = await client.batches.retrieve(batch.id);
  console.log(batch.status, batch.request_counts.completed, "of", batch.request_counts.total);
}
expect("status", batch.status, "completed");
expect("model", batch.model, "gpt-4.1-mini");

const output = await (await client.files.content(batch.output_file_id)).text();
const answers = new Map();
for (const line of output.trimEnd().split("\n")) {
  const { custom_id, response } = JSON.parse(line);
  answers.set(custom_id, response.body.choices[0].message.content);
}
const wanted = numbers.map((number) => [`item ${number}`, `echo: Describe product ${number}.`]);
expect("answers", [...answers].sort(), wanted.sort());

// In memory the file comes before its purpose; lists go on by themselves from page to page.
const small = await client.files.create({ file: await toFile(Buffer.from(lines), "a b.jsonl"), purpose: "batch" });
const names = [];
for await (const each of client.files.list({ limit: 1 })) names.push(each.filename);
expect("listed", names.includes("a b.jsonl") && names.includes("products of today.jsonl"), true);
expect("deleted", (await client.files.delete(small.id)).deleted, true);

try {
  await client.batches.cancel(batch.id);
  expect("outcome", "a cancellation", "ConflictError");
} catch (error) {
  if (!(error instanceof OpenAI.APIError)) throw error;
  console.log(error.status, error.message);
  expect("status", error.status, 409);
}

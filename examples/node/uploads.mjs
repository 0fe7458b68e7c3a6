// A large file in small parts: for a gateway behind which one call cannot carry all of it, as on AWS (4 MiB there).

import { createHash } from "node:crypto";
import OpenAI, { toFile } from "openai";
import { expect } from "./check.mjs";

const client = new OpenAI();
const PART_BYTES = 64 * 1024; // on AWS: 4 * 1024 * 1024

/** One line. */
function request(number) {
  const body = { model: "text-embedding-3-small", input: "hello ".repeat(20) };
  return JSON.stringify({ custom_id: `${number}`, method: "POST", url: "/v1/embeddings", body }) + "\n";
}

/** Says what will come. */
function begin(filename, bytes) {
  return client.uploads.create({ filename, bytes, mime_type: "application/jsonl", purpose: "batch" });
}

/** Sends one part. */
async function send(upload, piece) {
  return client.uploads.parts.create(upload.id, { data: await toFile(piece, "part") });
}

const content = Buffer.from(Array.from({ length: 1_000 }, (_, number) => request(number)).join(""));
let upload = await begin("embeddings.jsonl", content.length);
expect("begun", [upload.status, upload.bytes], ["pending", content.length]);

// Parts may be sent at once and arrive in any order: the last call says which comes first.
const pieces = [];
for (let at = 0; at < content.length; at += PART_BYTES) pieces.push(content.subarray(at, at + PART_BYTES));
const parts = await Promise.all(pieces.map((piece) => send(upload, piece)));
expect("upload of the parts", new Set(parts.map((part) => part.upload_id)), new Set([upload.id]));
console.log(`${content.length} bytes in ${parts.length} parts`);
const md5 = createHash("md5").update(content).digest("hex");
upload = await client.uploads.complete(upload.id, { part_ids: parts.map((part) => part.id), md5 });
expect("upload", [upload.status, upload.file.bytes, upload.file.purpose], ["completed", content.length, "batch"]);
const stored = await client.files.content(upload.file.id);
expect("content is as it was", Buffer.from(await stored.arrayBuffer()).equals(content), true);

const cancelled = await client.uploads.cancel((await begin("never.jsonl", 11)).id);
expect("cancelled", cancelled.status, "cancelled");
try {
  await send(cancelled, Buffer.from("late"));
  expect("outcome", "a part", "BadRequestError");
} catch (error) {
  if (!(error instanceof OpenAI.BadRequestError)) throw error;
  console.log(error.message);
}

// Webhooks: be told when a batch or a background response has ended, instead of asking. The code is OpenAI's own.
//
// The receiver is an ordinary web server, here one on this machine: a gateway for tests may call it (allow_private).

import { createServer } from "node:http";
import OpenAI, { toFile } from "openai";
import { expect } from "./check.mjs";

const client = new OpenAI();

/** What has come and was not read yet, and who waits for more. */
const received = [];
const waiting = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  response.writeHead(204).end(); // any 2xx says that you have it
  const message = { body, headers: new Headers(request.headers) };
  const reader = waiting.shift();
  if (reader) reader(message);
  else received.push(message);
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const url = `http://127.0.0.1:${server.address().port}/offpeak`;

/** What comes next. */
function next() {
  return received.length ? received.shift() : new Promise((wake) => waiting.push(wake));
}

/** The next event, if its signature holds. The same event may come twice: its id tells. */
async function event(key = secret) {
  const { body, headers } = await next();
  return client.webhooks.unwrap(body, headers, key);
}

/** The ids of all endpoints. */
async function listed() {
  const ids = [];
  for await (const one of client.webhooks.list()) ids.push(one.id);
  return ids;
}

const endpoint = await client.webhooks.create({
  name: "catalogue",
  url,
  event_types: ["batch.completed", "batch.failed", "response.completed"],
});
const secret = endpoint.signing_secret; // told once: keep it where your receiver reads it
expect("endpoint", [endpoint.url, endpoint.signing_secret_hint], [url, secret.slice(-4)]);
expect("retrieved", (await client.webhooks.retrieve(endpoint.id)).name, "catalogue");
expect("listed", await listed(), [endpoint.id]);

const tested = await client.webhooks.test(endpoint.id, { event_type: "batch.completed" });
expect("test", [tested.status_code, tested.success, (await event()).type], [204, true, "batch.completed"]);

const request = { model: "gpt-4.1-mini", messages: [{ role: "user", content: "Describe product 7." }] };
const line = JSON.stringify({ custom_id: "node 7", method: "POST", url: "/v1/chat/completions", body: request });
const file = await client.files.create({ file: await toFile(Buffer.from(line), "one.jsonl"), purpose: "batch" });
const batch = await client.batches.create({
  input_file_id: file.id,
  endpoint: "/v1/chat/completions",
  completion_window: "24h",
});
let told = await event();
expect("event of the batch", [told.type, told.data.id], ["batch.completed", batch.id]);
expect("status by then", (await client.batches.retrieve(batch.id)).status, "completed");

const response = await client.responses.create({ model: "gpt-4.1-mini", input: "Why?", background: true });
told = await event();
expect("event of the response", [told.type, told.data.id], ["response.completed", response.id]);
expect("answer by then", (await client.responses.retrieve(response.id)).output_text, "echo: Why?");

// A new secret, while receivers still have the old one: for a day each message is signed with both.
const rotated = await client.webhooks.rotateSecret(endpoint.id, { keep_old_secret_active_for_24_hours: true });
expect("a new secret", rotated.signing_secret === secret, false);
for (const known of [secret, rotated.signing_secret]) {
  await client.webhooks.test(endpoint.id, { event_type: "batch.failed" });
  expect("event in rotation", (await event(known)).type, "batch.failed");
}

// What somebody else sends is refused.
await client.webhooks.test(endpoint.id, { event_type: "batch.failed" });
const { body, headers } = await next();
const altered = body.replace("failed", "expired");
const refused = await client.webhooks.unwrap(altered, headers, secret).catch((error) => error);
expect("altered", refused instanceof OpenAI.InvalidWebhookSignatureError, true);

const updated = await client.webhooks.update(endpoint.id, { event_types: ["batch.failed"] });
expect("updated", updated.event_types, ["batch.failed"]);
expect("deleted", (await client.webhooks.delete(endpoint.id)).deleted, true);
expect("left", await listed(), []);
server.close();
server.closeAllConnections();

// A webhook: be told when a batch has ended, instead of asking. The code is OpenAI's own; this SDK cannot manage
// endpoints yet, so they are created by a plain call.

import { createServer } from "node:http";
import OpenAI, { toFile } from "openai";
import { expect } from "./check.mjs";

const client = new OpenAI();

/** What comes is handed on, and acknowledged: any 2xx does. */
const waiting = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  response.writeHead(204).end();
  waiting.shift()?.({ body, headers: new Headers(request.headers) });
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const next = () => new Promise((wake) => waiting.push(wake));

const endpoint = await client.post("/webhook_endpoints", {
  body: { name: "node", url: `http://127.0.0.1:${server.address().port}/`, event_types: ["batch.completed"] },
});
const request = { model: "gpt-4.1-mini", messages: [{ role: "user", content: "Describe product 7." }] };
const line = JSON.stringify({ custom_id: "7", method: "POST", url: "/v1/chat/completions", body: request });
const file = await client.files.create({ file: await toFile(Buffer.from(line), "one.jsonl"), purpose: "batch" });
const told = next();
const batch = await client.batches.create({
  input_file_id: file.id,
  endpoint: "/v1/chat/completions",
  completion_window: "24h",
});
const { body, headers } = await told;
const event = await client.webhooks.unwrap(body, headers, endpoint.signing_secret);
expect("event", [event.type, event.data.id], ["batch.completed", batch.id]);
const altered = body.replace("completed", "failed");
const refused = await client.webhooks.unwrap(altered, headers, endpoint.signing_secret).catch((error) => error);
expect("altered", refused instanceof OpenAI.InvalidWebhookSignatureError, true);
await client.delete(`/webhook_endpoints/${endpoint.id}`);
server.close();
server.closeAllConnections();
console.log("ok");

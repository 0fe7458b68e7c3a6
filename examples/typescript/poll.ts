// The poll idiom: the same request again and again, until the answer is no longer "not yet" (422).
//
// For clients that have no retries of their own and cannot hold a call open. The gateway must be configured for it:
//     [waiting] not_ready_status = 422

import { setTimeout } from "node:timers/promises";

const question = "How deep is the sea?";
const request = {
  method: "POST",
  headers: {
    "Authorization": `Bearer ${process.env.OPENAI_API_KEY}`,
    "Content-Type": "application/json",
  },
  // Made once: the gateway knows the request by its bytes, so a time or a random number in here would be a new job each time.
  body: JSON.stringify({
    model: "gpt-4.1-mini",
    messages: [{ role: "user", content: question }],
  }),
};

/** Repeats the request until its job has ended, and returns that answer. */
async function poll(): Promise<Response> {
  for (let asked = 1; ; asked++) {
    const response = await fetch(`${process.env.OPENAI_BASE_URL}/chat/completions`, request);
    // A provider may answer 422 too. That one is final, and says so.
    const notYet = response.status === 422 && response.headers.get("x-should-retry") !== "false";
    if (!notYet) {
      console.log(`asked ${asked} times`);
      return response;
    }
    await response.body?.cancel();
    const seconds = Number(response.headers.get("retry-after") ?? 30);
    await setTimeout(seconds * 1000);
  }
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

const response = await poll();
if (!response.ok) {
  fail(`${response.status}: ${await response.text()}`);
}
const answer: string = (await response.json()).choices[0].message.content;
console.log(answer);
if (answer !== `echo: ${question}` && process.env.OFFPEAK_CHECK !== "0") {
  fail(`expected the simulated model to say "echo: ${question}"`);
}

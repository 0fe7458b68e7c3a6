// A chat completion and a tool call: the OpenAI SDK as it is, at another base URL.

import OpenAI from "openai";
import { expect } from "./check.mjs";

// The SDK takes OPENAI_BASE_URL and OPENAI_API_KEY from the environment.
//
// A batch takes minutes to hours. When a call has been held for long enough the gateway answers 503 and asks the SDK to
// come back, which it does by itself, to the same job. maxRetries is how often it may: 1000 times last most of a day.
// (A number, not Infinity: some versions read that as 2.)
const client = new OpenAI({ maxRetries: 1000 });

const question = "Why is the sky blue?";
const chat = await client.chat.completions.create({
  model: "gpt-4.1-mini",
  messages: [
    { role: "system", content: "Answer in one sentence." },
    { role: "user", content: question },
  ],
});
console.log(chat.choices[0].message.content);
expect("chat", chat.choices[0].message.content, `echo: ${question}`);

// Everything that a request can say travels as it is: tools, response formats, images, log probabilities.
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } } },
  },
};
const withTool = await client.chat.completions.create({
  model: "gpt-4.1-mini",
  messages: [{ role: "user", content: "Please use tool: what is the weather in Oslo?" }],
  tools: [weather],
});
expect("finish_reason", withTool.choices[0].finish_reason, "tool_calls");
const call = withTool.choices[0].message.tool_calls[0].function;
console.log(call.name, JSON.parse(call.arguments));
expect("tool", call.name, "get_weather");

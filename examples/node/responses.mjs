// The Responses API.

import OpenAI from "openai";
import { expect } from "./check.mjs";

const client = new OpenAI({ maxRetries: 1000 });

const question = "Name three uses for a brick.";
const response = await client.responses.create({ model: "gpt-4.1-mini", input: question });
console.log(response.output_text);
expect("response", response.output_text, `echo: ${question}`);
expect("status", response.status, "completed");

// Embeddings of several texts in one request; the vectors come in the order of the texts.

import OpenAI from "openai";
import { expect } from "./check.mjs";

const client = new OpenAI({ maxRetries: 1000 });

// The SDK asks for base64 behind your back and unpacks it; the gateway hands on whichever was asked for.
const texts = ["tea", "coffee", "tea"];
const { data } = await client.embeddings.create({ model: "text-embedding-3-small", input: texts });
data.forEach((item, i) => console.log(texts[i], item.embedding));

expect("order", data.map((item) => item.index), [0, 1, 2]);
expect("dimensions", data.map((item) => item.embedding.length), [8, 8, 8]);
expect("vector of the same text", data[2].embedding, data[0].embedding);

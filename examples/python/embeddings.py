"""Embeddings of several texts in one request; the vectors come in the order of the texts."""

from openai import OpenAI

from check import expect

client = OpenAI(max_retries=1000)

# The SDK asks for base64 behind your back and unpacks it; the gateway hands on whichever was asked for.
texts = ["tea", "coffee", "tea"]
answer = client.embeddings.create(model="text-embedding-3-small", input=texts)
for text, item in zip(texts, answer.data):
    print(text, item.embedding)

expect("order", [item.index for item in answer.data], [0, 1, 2])
expect("dimensions", [len(item.embedding) for item in answer.data], [8, 8, 8])
expect("vector of the same text", answer.data[2].embedding, answer.data[0].embedding)

"""Moderation of two texts."""

from openai import OpenAI

from check import expect

client = OpenAI(max_retries=1000)

texts = ["a good text", "a bad text"]
moderation = client.moderations.create(model="omni-moderation-latest", input=texts)
for text, result in zip(texts, moderation.results):
    print(text, "flagged" if result.flagged else "passed", sep=": ")
expect("flagged", [result.flagged for result in moderation.results], [False, True])

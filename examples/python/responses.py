"""The Responses API."""

from openai import OpenAI

from check import expect

client = OpenAI(max_retries=1000)

question = "Name three uses for a brick."
response = client.responses.create(model="gpt-4.1-mini", input=question)
print(response.output_text)
expect("response", response.output_text, f"echo: {question}")
expect("status", response.status, "completed")

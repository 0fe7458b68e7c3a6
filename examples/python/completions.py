"""A legacy text completion."""

from openai import OpenAI

from check import expect

client = OpenAI(max_retries=1000)

prompt = "Once upon a time"
completion = client.completions.create(model="gpt-3.5-turbo-instruct", prompt=prompt, max_tokens=20)
print(completion.choices[0].text)
expect("completion", completion.choices[0].text, f"echo: {prompt}")

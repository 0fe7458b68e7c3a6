"""A chat completion and a tool call: the OpenAI SDK as it is, at another base URL."""

import json

from openai import OpenAI

from check import expect

# The SDK takes OPENAI_BASE_URL and OPENAI_API_KEY from the environment.
#
# A batch takes minutes to hours. When a call has been held for long enough the gateway answers 503 and asks the SDK to
# come back, which it does by itself, to the same job. max_retries is how often it may: 1000 times last most of a day.
client = OpenAI(max_retries=1000)

question = "Why is the sky blue?"
chat = client.chat.completions.create(
    model="gpt-4.1-mini",
    messages=[
        {"role": "system", "content": "Answer in one sentence."},
        {"role": "user", "content": question},
    ],
)
print(chat.choices[0].message.content)
expect("chat", chat.choices[0].message.content, f"echo: {question}")

# Everything that a request can say travels as it is: tools, response formats, images, log probabilities.
weather = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
chat = client.chat.completions.create(
    model="gpt-4.1-mini",
    messages=[{"role": "user", "content": "Please use tool: what is the weather in Oslo?"}],
    tools=[weather],
)
expect("finish_reason", chat.choices[0].finish_reason, "tool_calls")
call = chat.choices[0].message.tool_calls[0].function
print(call.name, json.loads(call.arguments))
expect("tool", call.name, "get_weather")

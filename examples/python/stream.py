"""A streamed chat completion: the connection stays open until the answer is there, however long that is."""

from openai import OpenAI

from check import expect

# No max_retries here: the gateway sends a comment now and then, so that nothing on the way takes the line for dead.
client = OpenAI()

question = "Tell me a very short story."
stream = client.chat.completions.create(
    model="gpt-4.1-mini",
    messages=[{"role": "user", "content": question}],
    stream=True,
    stream_options={"include_usage": True},
)

story, finish_reason, usage = "", None, None
for chunk in stream:
    if chunk.usage:  # the last chunk: it has no choices
        usage = chunk.usage
    for choice in chunk.choices:
        story += choice.delta.content or ""
        finish_reason = choice.finish_reason or finish_reason
        print(choice.delta.content or "", end="", flush=True)
print()

expect("story", story, f"echo: {question}")
expect("finish_reason", finish_reason, "stop")
expect("usage arrived", usage is not None and usage.total_tokens > 0, True)

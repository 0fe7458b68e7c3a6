"""Behind an HTTP API a stream is 503s until the answer is there, then all of its events at once."""

import openai

seen = []
client = openai.OpenAI(
    max_retries=1000,
    http_client=openai.DefaultHttpxClient(event_hooks={"response": [seen.append]}),
)
question = "Tell me a story of three words."
stream = client.chat.completions.create(
    model="gpt-4.1-mini",
    messages=[{"role": "user", "content": question}],
    stream=True,
    stream_options={"include_usage": True},
)
story, usage = "", None
for chunk in stream:
    usage = chunk.usage or usage
    story += "".join(choice.delta.content or "" for choice in chunk.choices)
assert story == f"echo: {question}", story
assert usage and usage.total_tokens > 0, usage

*waits, last = seen
assert last.headers["content-type"].startswith("text/event-stream"), last.headers
assert waits and {response.status_code for response in waits} == {503}, [response.status_code for response in seen]

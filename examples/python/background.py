"""A background response: create it, go away, retrieve it later; follow it as a stream; cancel it; delete it."""

import time

import openai
from openai import OpenAI

from check import expect

client = OpenAI(max_retries=1000)


def create(question, **more):
    """Hand in a question: answered at once, whatever the batch takes."""
    return client.responses.create(model="gpt-4.1-mini", input=question, background=True, **more)


# The id is all that you need to keep. service_tier="flex" in place of background=True does the same.
question = "What is the tallest mountain of Norway?"
response = create(question, metadata={"invoice": "4711"})
print(response.id, response.status)
expect("status", response.status, "queued")
expect("metadata", response.metadata, {"invoice": "4711"})

response_id = response.id
while response.status in ("queued", "in_progress"):
    time.sleep(1)
    response = client.responses.retrieve(response_id)
    print(response.status)
print(response.output_text)
expect("response", (response.id, response.status), (response_id, "completed"))
expect("output", response.output_text, f"echo: {question}")
expect("background", (response.background, response.service_tier), (True, "flex"))

# A conversation goes on from it by its id.
following = create("And of Sweden?", previous_response_id=response_id)

# As a stream: the first events say the id, so that whoever loses the connection goes on after the event that came last.
question = "Tell me a very short story."
with create(question, stream=True) as stream:
    for event in stream:
        print(event.sequence_number, event.type)
        if event.type == "response.queued":
            streamed_id, cursor = event.response.id, event.sequence_number
            break  # as if the connection had been cut here
story = ""
for event in client.responses.retrieve(streamed_id, stream=True, starting_after=cursor):
    print(event.sequence_number, event.type)
    expect("sequence number", event.sequence_number, cursor + 1)
    cursor = event.sequence_number
    if event.type == "response.output_text.delta":
        story += event.delta
expect("last event", event.type, "response.completed")
expect("story", (event.response.id, story), (streamed_id, f"echo: {question}"))

# Cancelled at once while it waits; once it is in a batch, when that ends, unless its answer is faster.
response = client.responses.cancel(following.id)
print(response.id, response.status)
while response.status in ("queued", "in_progress"):
    time.sleep(1)
    response = client.responses.retrieve(following.id)
expect("end of a cancelled response", response.status in ("cancelled", "completed"), True)

# Deleted, it is not found any more.
client.responses.delete(streamed_id)
try:
    client.responses.retrieve(streamed_id)
except openai.NotFoundError as error:
    print(error.message)
else:
    expect("a deleted response", "there", "not found")

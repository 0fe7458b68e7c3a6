"""A batch: many requests in one file, of several models, whose results come as one file. The code is OpenAI's own."""

import io
import json
import time

import openai
from openai import OpenAI

from check import expect

client = OpenAI()

COUNT = 40
MODELS = ["gpt-4.1-mini", "gpt-4.1-nano"]


def request(number):
    """One line. OpenAI takes one model in a file; here each line may name its own."""
    question = {"role": "user", "content": f"Describe product {number}."}
    body = {"model": MODELS[number % 2], "messages": [question]}
    return {"custom_id": f"product {number}", "method": "POST", "url": "/v1/chat/completions", "body": body}


lines = "\n".join(json.dumps(request(number)) for number in range(COUNT))
file = client.files.create(file=("products of today.jsonl", io.BytesIO(lines.encode())), purpose="batch")
file = client.files.wait_for_processing(file.id)
expect("file", (file.status, file.bytes), ("processed", len(lines.encode())))

# With an Idempotency-Key a repeat of this call, even by another process, finds the same batch.
key = {"Idempotency-Key": f"products of {file.id}"}
asked = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
batch = client.batches.create(**asked, metadata={"team": "catalogue"}, extra_headers=key)
expect("repeated batch", client.batches.create(**asked, metadata={"team": "catalogue"}, extra_headers=key).id, batch.id)

while batch.status in ("validating", "in_progress", "finalizing"):
    time.sleep(0.5)  # with a real provider: a minute
    batch = client.batches.retrieve(batch.id)
    print(batch.status, batch.request_counts.completed, "of", batch.request_counts.total)
expect("status", batch.status, "completed")
expect("counts", batch.request_counts.model_dump(), {"total": COUNT, "completed": COUNT, "failed": 0})
expect("metadata", batch.metadata, {"team": "catalogue"})
expect("error file", batch.error_file_id, None)

answers = {}
for line in client.files.content(batch.output_file_id).text.splitlines():
    result = json.loads(line)
    expect("status of a line", (result["response"]["status_code"], result["error"]), (200, None))
    answers[result["custom_id"]] = result["response"]["body"]["choices"][0]["message"]["content"]
expect("answers", answers, {f"product {number}": f"echo: Describe product {number}." for number in range(COUNT)})

# A batch whose input is wrong says so, line by line.
wrong = io.BytesIO(b'{"custom_id": "a"}\nnot json\n')
file = client.files.create(file=("wrong.jsonl", wrong), purpose="batch")
batch = client.batches.create(**{**asked, "input_file_id": file.id})
while batch.status == "validating":
    time.sleep(0.2)
    batch = client.batches.retrieve(batch.id)
expect("status", batch.status, "failed")
for error in batch.errors.data:
    print(f"line {error.line}: {error.code}: {error.message}")
expect("errors", [(error.line, error.code) for error in batch.errors.data],
       [(1, "missing_required_parameter"), (2, "invalid_json_line")])

# What has ended cannot be cancelled; what is cancelled before it has ended ends so.
def cancel(batch):
    """None if it has ended."""
    try:
        return client.batches.cancel(batch.id)
    except openai.ConflictError as error:
        print(error.message)


expect("cancelling what has ended", cancel(batch), None)
mistaken = io.BytesIO(json.dumps(request(COUNT)).encode())
mistake = client.files.create(file=("mistaken.jsonl", mistaken), purpose="batch")
mistakes = (client.batches.create(**{**asked, "input_file_id": mistake.id}) for _ in range(5))
cancelled = next(filter(None, map(cancel, mistakes)))  # the first, unless it was faster
while cancelled.status == "cancelling":
    time.sleep(0.5)
    cancelled = client.batches.retrieve(cancelled.id)
expect("end of a cancelled batch", cancelled.status, "cancelled")

# Lists go on by themselves from page to page.
expect("batches", batch.id in [each.id for each in client.batches.list(limit=1)], True)
expect("files", file.id in [each.id for each in client.files.list(limit=2, order="asc", purpose="batch")], True)
expect("deleted", client.files.delete(file.id).deleted, True)

"""A file whose length nobody knows, lists that go on by themselves, content at another address, a batch that is cancelled."""

import io
import json
import time

import openai

COUNT = 30


class Pipe(io.RawIOBase):
    """Bytes as they are made: how many is not known, and nobody can go back."""

    def __init__(self, pieces):
        self.pieces, self.left = iter(pieces), b""

    def readable(self):
        return True

    def readinto(self, buffer):
        self.left = self.left or next(self.pieces, b"")
        given, self.left = self.left[: len(buffer)], self.left[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


def line(number, name="line"):
    body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": f"question {number}"}]}
    request = {"custom_id": f"{name} {number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(request).encode() + b"\n"


sent = []
client = openai.OpenAI(http_client=openai.DefaultHttpxClient(event_hooks={"request": [sent.append]}))
stored = client.files.create(file=("streamed.jsonl", Pipe(map(line, range(COUNT)))), purpose="batch")
assert sent[-1].headers["transfer-encoding"] == "chunked", sent[-1].headers
content = b"".join(map(line, range(COUNT)))
assert (stored.filename, stored.bytes, stored.status) == ("streamed.jsonl", len(content), "processed"), stored
assert client.files.retrieve(stored.id) == stored
assert client.files.wait_for_processing(stored.id) == stored

given = client.files.content(stored.id)
assert given.read() == content
assert [response.status_code for response in given.response.history] == [302], given.response.history
assert 'filename="streamed.jsonl"' in given.response.headers["content-disposition"], given.response.headers

for number in range(5):
    client.files.create(file=(f"{number}.txt", str(number).encode()), purpose="user_data")
names = [file.filename for file in client.files.list(purpose="user_data", order="asc", limit=2)]
assert names == [f"{number}.txt" for number in range(5)], names
assert len(list(client.files.list(limit=1))) == 6

# Cancelled before anything of it ran, or after: each line is spoken for.
asked = {"input_file_id": stored.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
batch = client.batches.create(**asked)
cancelled = client.batches.cancel(batch.id)
assert cancelled.status == "cancelling", cancelled
while cancelled.status == "cancelling":
    time.sleep(0.2)
    cancelled = client.batches.retrieve(batch.id)
assert (cancelled.status, cancelled.request_counts.total) == ("cancelled", COUNT), cancelled
assert client.batches.cancel(batch.id).status == "cancelled"
files = [file for file in (cancelled.output_file_id, cancelled.error_file_id) if file]
results = [json.loads(result) for file in files for result in client.files.content(file).text.splitlines()]
assert sorted(result["custom_id"] for result in results) == sorted(f"line {number}" for number in range(COUNT)), results
assert {result["error"]["code"] for result in results if result["error"]} <= {"batch_cancelled"}, results

others = []
for name in ("one", "two"):
    small = client.files.create(file=(f"{name}.jsonl", line(0, name)), purpose="batch")
    others.append(client.batches.create(**{**asked, "input_file_id": small.id}).id)
assert [each.id for each in client.batches.list(limit=2)] == [*reversed(others), batch.id]
for other in others:
    while client.batches.retrieve(other).status != "completed":
        time.sleep(0.2)

assert client.files.delete(stored.id).deleted
try:
    client.files.retrieve(stored.id)
except openai.NotFoundError as error:
    assert error.param == "id", error
else:
    raise SystemExit("a deleted file is there")

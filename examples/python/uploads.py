"""A large file in small parts: for a gateway behind which one call cannot carry all of it, as on AWS (4 MiB there)."""

import hashlib
import io
import json

import openai
from openai import OpenAI

from check import expect

client = OpenAI()

line = {"method": "POST", "url": "/v1/embeddings", "body": {"model": "text-embedding-3-small", "input": "hello " * 20}}
content = "".join(json.dumps({"custom_id": str(number), **line}) + "\n" for number in range(5_000)).encode()
print(f"{len(content):,} bytes")

# On AWS: part_size=4 * 1024 * 1024.
upload = client.uploads.upload_file_chunked(
    file=content,
    filename="embeddings.jsonl",
    bytes=len(content),
    mime_type="application/jsonl",
    purpose="batch",
    part_size=64 * 1024,
)
expect("upload", (upload.status, upload.file.bytes, upload.file.purpose), ("completed", len(content), "batch"))
stored = client.files.content(upload.file.id).read()
expect("content", hashlib.sha256(stored).hexdigest(), hashlib.sha256(content).hexdigest())

# The same by hand: parts may arrive in any order, and the last call says which comes first.
about = {"filename": "greeting.txt", "bytes": 11, "mime_type": "text/plain", "purpose": "user_data"}
upload = client.uploads.create(**about)
world, hello = (client.uploads.parts.create(upload.id, data=io.BytesIO(part)) for part in (b"world", b"hello "))
order = {"part_ids": [hello.id, world.id], "md5": hashlib.md5(b"hello world").hexdigest()}
upload = client.uploads.complete(upload.id, **order)
expect("content", client.files.content(upload.file.id).text, "hello world")

upload = client.uploads.create(**about)
expect("cancelled", client.uploads.cancel(upload.id).status, "cancelled")
try:
    client.uploads.parts.create(upload.id, data=b"late")
    expect("outcome", "a part", "BadRequestError")
except openai.BadRequestError as error:
    print(error.message)

"""Webhooks: be told when a batch or a background response has ended, instead of asking. The code is OpenAI's own.

The receiver is an ordinary web server, here one on this machine: a gateway for tests may call it (allow_private).
"""

import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

from openai import InvalidWebhookSignatureError, OpenAI

from check import expect

client = OpenAI()
received = Queue()


class Receiver(BaseHTTPRequestHandler):
    """Keeps what comes, and says that it has it: any 2xx does."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        received.put((body, dict(self.headers)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/offpeak"

endpoint = client.webhooks.create(
    name="catalogue", url=url, event_types=["batch.completed", "batch.failed", "response.completed"]
)
secret = endpoint.signing_secret  # told once: keep it where your receiver reads it
expect("endpoint", (endpoint.url, endpoint.signing_secret_hint), (url, secret[-4:]))
expect("retrieved", client.webhooks.retrieve(endpoint.id).name, "catalogue")
expect("listed", [one.id for one in client.webhooks.list()], [endpoint.id])


def event(secret=secret):
    """The next event, if its signature holds. The same event may come twice: its id tells."""
    body, headers = received.get(timeout=60)
    return client.webhooks.unwrap(body, headers, secret=secret)


tested = client.webhooks.test(endpoint.id, event_type="batch.completed")
expect("test", (tested.status_code, tested.success, event().type), (204, True, "batch.completed"))


def create_batch(number, **more):
    """A batch of one request."""
    question = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": f"Describe product {number}."}]}
    line = {"custom_id": f"told {number}", "method": "POST", "url": "/v1/chat/completions", "body": question}
    file = client.files.create(file=("products.jsonl", io.BytesIO(json.dumps(line).encode())), purpose="batch")
    asked = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    return client.batches.create(**asked, **more)


batch = create_batch(7)
told = event()
expect("event of the batch", (told.type, told.data.id), ("batch.completed", batch.id))
expect("status by then", client.batches.retrieve(batch.id).status, "completed")

response = client.responses.create(model="gpt-4.1-mini", input="Why?", background=True)
told = event()
expect("event of the response", (told.type, told.data.id), ("response.completed", response.id))
expect("answer by then", client.responses.retrieve(response.id).output_text, "echo: Why?")

# A new secret, while receivers still have the old one: for a day each message is signed with both.
rotated = client.webhooks.rotate_secret(endpoint.id, keep_old_secret_active_for_24_hours=True)
for known in (secret, rotated.signing_secret):
    client.webhooks.test(endpoint.id, event_type="batch.failed")
    expect("event in rotation", event(known).type, "batch.failed")

# What somebody else sends is refused.
client.webhooks.test(endpoint.id, event_type="batch.failed")
body, headers = received.get(timeout=60)
try:
    client.webhooks.unwrap(body.replace(b"failed", b"expired"), headers, secret=secret)
    raise SystemExit("an altered event was believed")
except InvalidWebhookSignatureError as error:
    print("refused:", error)

# One request may name where it is told: by the endpoint's id, or by a URL at the endpoint's origin.
client.webhooks.update(endpoint.id, event_types=[])
named = {"x-offpeak-webhook": f"{url}/run-7"}
batch = create_batch(8, extra_headers=named)
told = event()
expect("event of the named batch", (told.type, told.data.id), ("batch.completed", batch.id))

expect("deleted", client.webhooks.delete(endpoint.id).deleted, True)
expect("left", list(client.webhooks.list()), [])
print("ok")

"""Hand in a request, go away, and fetch the answer later, perhaps from another process."""

import time

from openai import OpenAI
from openai.types.chat import ChatCompletion

from check import expect

client = OpenAI(max_retries=1000)

# With this header the gateway answers 202 at once. The body is a job instead of a chat completion: hence the raw response.
question = "What is the capital of Norway?"
accepted = client.chat.completions.with_raw_response.create(
    model="gpt-4.1-mini",
    messages=[{"role": "user", "content": question}],
    extra_headers={"Prefer": "respond-async"},
)
job_id = accepted.headers["x-offpeak-job"]  # all that you need to keep
print(accepted.http_response.status_code, job_id)
expect("status", accepted.http_response.status_code, 202)
expect("location", accepted.headers["location"], f"/v1/jobs/{job_id}")

while True:
    job = client.get(f"/jobs/{job_id}", cast_to=object)
    print(job["object"], job["status"])
    if job["status"] in ("done", "failed", "cancelled", "expired"):
        break
    time.sleep(1)
expect("job", (job["id"], job["status"]), (job_id, "done"))

# The result is what the provider answered, so it has the type that the call would have returned.
# Polling is optional: asked too early, the result answers 503 and the SDK comes back.
chat = client.get(f"/jobs/{job_id}/result", cast_to=ChatCompletion)
print(chat.choices[0].message.content)
expect("result", chat.choices[0].message.content, f"echo: {question}")

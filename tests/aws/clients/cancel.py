"""A job that has not departed is taken back, and its result says so once and for all."""

import openai

client = openai.OpenAI(max_retries=1000)
accepted = client.chat.completions.with_raw_response.create(
    model="gpt-4.1-mini",
    messages=[{"role": "user", "content": "Never mind."}],
    extra_headers={"Prefer": "respond-async", "x-offpeak-class": "nightly"},
)
job_id = accepted.headers["x-offpeak-job"]
assert accepted.http_response.status_code == 202, accepted.http_response

cancelled = client.post(f"/jobs/{job_id}/cancel", cast_to=object)
assert (cancelled["id"], cancelled["status"]) == (job_id, "cancelled"), cancelled
try:
    client.get(f"/jobs/{job_id}/result", cast_to=object)
except openai.APIStatusError as error:
    assert error.status_code == 410, error
    assert error.response.headers["x-should-retry"] == "false", error.response.headers
else:
    raise SystemExit("a cancelled job has a result")

"""Errors are the SDK's own exceptions, also those of a request that failed hours later in a batch."""

import os
import uuid

import openai
from openai import OpenAI

from check import expect

client = OpenAI(max_retries=1000)


def ask(text, client=client, model="gpt-4.1-mini", **more):
    """Ask, keeping the headers at hand."""
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.with_raw_response.create(model=model, messages=messages, **more)


def expect_error(error_class, text, **more):
    """Ask and return the error, which must be of this very class."""
    try:
        ask(text, **more)
    except openai.APIStatusError as error:
        print(error.status_code, type(error).__name__, error.message)
        expect("class of the error", type(error), error_class)
        return error
    expect("outcome", "an answer", error_class.__name__)


# The provider refused the line: its status and its body reach the caller as they are.
# (The user field tells the simulated provider which status to give.)
for status, error_class in [
    (400, openai.BadRequestError),
    (404, openai.NotFoundError),
    (422, openai.UnprocessableEntityError),
]:
    error = expect_error(error_class, "Refuse me.", user=f"sim-status-{status}")
    expect("status", error.status_code, status)
    expect("job", error.response.headers.get("x-offpeak-job", "").startswith("job_"), True)

# An Idempotency-Key makes a request safe to repeat, even after a restart: the job runs once and answers both.
key = {"Idempotency-Key": f"invoice-{uuid.uuid4()}"}
first, again = (ask("Sum up invoice 4711.", extra_headers=key) for _ in range(2))
expect("job of the repeated call", again.headers["x-offpeak-job"], first.headers["x-offpeak-job"])
expect("repeated answer", again.parse(), first.parse())

# The same key for another request is a mistake. It is said at once; the SDK does not retry, as it would another 409.
error = expect_error(openai.ConflictError, "Sum up invoice 4712.", extra_headers=key)
expect("x-should-retry", error.response.headers.get("x-should-retry"), "false")

# These two depend on the gateway's configuration, so they are asked for.
if os.environ.get("OFFPEAK_UNKNOWN_MODEL"):  # it has routes, and none for this model
    error = expect_error(openai.NotFoundError, "Hello?", model="no-such-model")
    expect("code", error.code, "model_not_found")
if os.environ.get("OFFPEAK_WRONG_KEY"):  # it runs with --auth keys
    stranger = OpenAI(api_key="not-a-key-of-this-gateway", max_retries=1000)
    expect_error(openai.AuthenticationError, "Hello?", client=stranger)

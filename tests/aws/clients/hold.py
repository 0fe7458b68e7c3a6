"""A call is told to come back until its answer is there: 503s, then a 200, all of one job."""

import openai

seen = []
client = openai.OpenAI(
    max_retries=1000,
    http_client=openai.DefaultHttpxClient(event_hooks={"response": [seen.append]}),
)
question = "Why does the moon have phases?"
chat = client.chat.completions.create(model="gpt-4.1-mini", messages=[{"role": "user", "content": question}])
assert chat.choices[0].message.content == f"echo: {question}", chat

*waits, last = seen
assert last.status_code == 200 and waits, [response.status_code for response in seen]
for response in waits:
    assert response.status_code == 503, response.status_code
    assert response.headers["retry-after"] == "1", response.headers
    assert response.headers["x-should-retry"] == "true", response.headers
jobs = {response.headers["x-offpeak-job"] for response in seen}
assert len(jobs) == 1, jobs

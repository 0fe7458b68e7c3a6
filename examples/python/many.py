"""Two hundred requests at once, as a script over a table would send them: one batch, and each caller gets its own answer."""

import asyncio

from openai import AsyncOpenAI

from check import expect

COUNT = 200


async def ask(client, number):
    # with_raw_response only to read the header that names the job; parse() gives the usual object.
    raw = await client.chat.completions.with_raw_response.create(
        model="gpt-4.1-mini",
        messages=[{"role": "user", "content": f"Describe product {number}."}],
    )
    return raw.headers["x-offpeak-job"], raw.parse().choices[0].message.content


async def main():
    async with AsyncOpenAI(max_retries=1000) as client:
        answers = await asyncio.gather(*(ask(client, number) for number in range(COUNT)))

    for number, (_, text) in enumerate(answers):
        expect(f"answer {number}", text, f"echo: Describe product {number}.")
    expect("number of jobs", len({job for job, _ in answers}), COUNT)
    print(f"{COUNT} requests, {COUNT} answers, each to its own question")


asyncio.run(main())

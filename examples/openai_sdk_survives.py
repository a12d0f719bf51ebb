"""The OpenAI SDK over a model that fails nine times in ten. Run it: `python examples/openai_sdk_survives.py`.

Nothing leaves this machine: `sim/stormy` and `sim/calm` are simulated in this process. Put names such as
`"openai/gpt-5-mini"` in their place, and the same program asks real models.
"""

from __future__ import annotations

import asyncio
import logging

from openai import APIError, AsyncOpenAI

from holdfast import Client, Timeouts
from holdfast.adapters.openai_sdk import holdfast_http_client

QUESTIONS = [
    "What is kelp?",
    "How deep does it grow?",
    "Who lives in it?",
    "What holds it to the rock?",
    "And in a storm?",
]


async def main() -> None:
    """Ask some questions as a stream, and count what it took."""
    logging.getLogger("holdfast").addHandler(logging.NullHandler())  # what went wrong on the way does not matter here
    patience = Timeouts(first_event=1, idle=1)
    client = Client("sim/stormy", "sim/calm", deadline=20, timeouts=patience, on_break="resume")
    openai = AsyncOpenAI(http_client=holdfast_http_client(client), api_key="unused")
    for question in QUESTIONS:
        print(f"\n> {question}")
        try:
            chunks = await openai.chat.completions.create(
                model="any", messages=[{"role": "user", "content": question}], stream=True
            )
            async for chunk in chunks:
                print(chunk.choices[0].delta.content or "", end="", flush=True)
            print()
        except APIError as error:
            print(f"\n{type(error).__name__}: {error}")
    usage = client.totals.total
    print(f"\n{usage.input_tokens} tokens read and {usage.output_tokens} written, failed attempts included.")
    await client.close()


asyncio.run(main())

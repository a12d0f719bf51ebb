"""What providers and servers are known to answer when a call fails: a body, and the text that a client makes of it.

`known_bodies.jsonl` has a line for each: provider, status, the class it belongs to, AWS's name for the error, body.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.providers.classify import classify
from labelled import kind_of, raw

KNOWN = [json.loads(line) for line in Path(__file__).with_name("known_bodies.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("row", KNOWN, ids=range(len(KNOWN)))
def test_a_known_body_gets_its_class(row: dict[str, Any]) -> None:
    body, aws = row["body"], row.get("aws")
    headers = {"x-amzn-errortype": aws} if aws else {}
    errors = [
        classify(provider=row["provider"], status=row["status"], headers=headers, body=raw(body)) for _ in range(2)
    ]
    assert [kind_of(error) for error in errors] == [row["kind"]] * 2, row  # diagnosed, and remembered


@pytest.mark.parametrize(
    "row", [row for row in KNOWN if row["status"] >= 400 and isinstance(row["body"], dict)], ids=lambda row: row["kind"]
)
def test_so_does_the_text_that_a_client_makes_of_it(row: dict[str, Any]) -> None:
    body, aws = row["body"], row.get("aws")
    text = f"Error code: {row['status']} - {body}"
    if aws:
        text = f"An error occurred ({aws}) when calling the Converse operation: {body['message']}"
    assert kind_of(classify(text)) == row["kind"], row

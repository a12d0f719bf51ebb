"""However a failure is worded, it keeps its name and its facts.

`reworded.jsonl` holds failures as servers send and clients print them, their sentences written anew: a response
(`status`, `headers`, `body`) or a `text` of a client; the `kind` (`alt`: others that are right, too), whether the same
request may pass later (`retry_same`), and where it is stated, `retry_after_s`, the `limit` in tokens and the `scope`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import ModelError
from holdfast.providers.classify import classify
from labelled import wrong

ROWS = [json.loads(line) for line in Path(__file__).with_name("reworded.jsonl").read_text().splitlines()]


def named(row: dict[str, Any]) -> ModelError | None:
    if "text" in row:
        return classify(row["text"])
    return classify(
        provider=row.get("provider"), status=row.get("status"), headers=row.get("headers"), body=row.get("body")
    )


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_a_failure_in_other_words_keeps_its_name_and_its_facts(row: dict[str, Any]) -> None:
    assert wrong(row, named(row)) is None, row

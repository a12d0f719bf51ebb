"""Recorded traffic of real providers, where it is at hand: a folder beside the repository, read in place.

from recordings import recordings
@pytest.mark.parametrize("recording", recordings("openai_chat", "groq_chat"), ids=str)
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "shared" / "cassettes"


@dataclass(frozen=True)
class Recording:
    """One request with its response."""

    path: Path

    def __str__(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"

    @cached_property
    def data(self) -> dict[str, Any]:
        return json.loads(self.path.read_text())

    @property
    def api(self) -> str:
        return self.path.parent.name

    @property
    def request(self) -> Any:
        """The recorded body of the request; None where the recorder left it out."""
        return self.data["request"]["body"] if self.data["request"]["body_kind"] == "json" else None

    @property
    def status(self) -> int:
        return self.data["response"]["status"]

    @property
    def headers(self) -> dict[str, str]:
        """Of the response, names in lower case."""
        pairs = self.data["response"].get("headers") or {}
        return {name.lower(): value[0] if isinstance(value, list) else value for name, value in pairs.items()}

    @property
    def body(self) -> bytes:
        """The body of the response as it was on the wire, as near as the recording comes to it."""
        response = self.data["response"]
        match response["body_kind"]:
            case "json":
                return json.dumps(response["body"]).encode()
            case "eventstream":
                return base64.b64decode(response["body_b64"])
            case _:
                return str(response["body"]).encode()

    @property
    def streamed(self) -> bool:
        return self.data["response"]["body_kind"] in ("sse", "eventstream")


def recordings(*apis: str) -> list[Recording]:
    """The recordings of these APIs; none where the folder is not there."""
    return [Recording(path) for api in apis for path in sorted((FOLDER / api).glob("*.json"))]

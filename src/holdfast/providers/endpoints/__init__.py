"""The endpoints that are known by name, as tables. Quirks stand here only where the vendor documents or shows them.

A base URL ends where its codec's path begins: `/chat/completions`, `/responses`, `/v1/messages` (Anthropic),
`/models/MODEL:generateContent` (Gemini; on Vertex `/publishers/google/models/...`), `/model/MODEL/converse` (Bedrock).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from holdfast.providers.endpoints.hosts import HOSTS
from holdfast.providers.endpoints.local import LOCAL
from holdfast.providers.endpoints.makers import MAKERS
from holdfast.providers.spec import EndpointSpec

CATALOG: Final[Mapping[str, EndpointSpec]] = {spec.name: spec for spec in (*MAKERS, *LOCAL, *HOSTS)}
"""The endpoints that are known by name."""

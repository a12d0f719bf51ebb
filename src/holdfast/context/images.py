"""Tokens of pictures, sounds and files, by the providers' rules, from header bytes; nothing is fetched or decoded.

The rules are data with their sources beside them. What cannot be known (a picture behind a URL) counts as the largest
that the rule allows.
"""

from __future__ import annotations

import re
from math import ceil, floor, sqrt
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from holdfast.messages import Audio, Document, Image

Size: TypeAlias = tuple[int, int]


class ImageRule(Struct, frozen=True, kw_only=True):
    """How a model family bills pictures, in tokens.

    - `tiles`: `base` and `tile` per 512-pixel tile, after fitting into 2048 x 2048 and a short side of 768.
    - `patches`: one per 32-pixel square, at most `cap`, times `factor`.
    - `squares`: one per 28-pixel square, after shrinking to a long side of `edge` and to `cap` tokens.
    - `crops`: `tile` for each 768-pixel crop; one for a picture that fits into 384 x 384.
    - `flat`: `base`, whatever the size.

    `unknown` is what a picture of unknown size counts for.
    """

    kind: Literal["tiles", "patches", "squares", "crops", "flat"]
    unknown: int
    base: int = 0
    tile: int = 0
    cap: int = 0
    edge: int = 0
    factor: float = 1.0


# OpenAI docs, "Images and vision", "Calculating costs".
OPENAI_TILES: Final = ImageRule(kind="tiles", unknown=1600, base=85, tile=170)
OPENAI_TILES_5: Final = ImageRule(kind="tiles", unknown=1600, base=70, tile=140)
OPENAI_PATCHES_MINI: Final = ImageRule(kind="patches", unknown=2489, cap=1536, factor=1.62)
OPENAI_PATCHES_NANO: Final = ImageRule(kind="patches", unknown=3779, cap=1536, factor=2.46)
OPENAI_PATCHES_O4: Final = ImageRule(kind="patches", unknown=2642, cap=1536, factor=1.72)
# Not documented; users' measurements agree on 1.2 for these (openai-python#2851).
OPENAI_PATCHES_12: Final = ImageRule(kind="patches", unknown=1844, cap=1536, factor=1.2)
OPENAI_PATCHES_WIDE: Final = ImageRule(kind="patches", unknown=12_000, cap=10_000, factor=1.2)
# Anthropic docs, "Vision", "Evaluate image size" and the high-resolution tier.
CLAUDE: Final = ImageRule(kind="squares", unknown=1600, edge=1568, cap=1568)
CLAUDE_HIGH: Final = ImageRule(kind="squares", unknown=4784, edge=2576, cap=4784)
# Gemini docs, "Understand and count tokens" and "Media resolution".
GEMINI_CROPS: Final = ImageRule(kind="crops", unknown=258 * 4, tile=258)
GEMINI_FLAT: Final = ImageRule(kind="flat", unknown=1120, base=1120)
# For models whose rule is not published: the largest of the usual ones.
UNKNOWN: Final = ImageRule(kind="flat", unknown=1600, base=1600)

LOW_DETAIL: Final = 85
"""What `detail="low"` costs where tiles are billed."""


def image_tokens(image: Image, rule: ImageRule) -> int:
    """Tokens of one picture."""
    if image.detail == "low" and rule.kind == "tiles":
        return rule.base or LOW_DETAIL
    size = dimensions(image.data) if image.data else None
    if size is None or min(size) < 1:
        return rule.unknown
    return _RULES[rule.kind](size, rule)


def _tiles(size: Size, rule: ImageRule) -> int:
    width, height = _within(size, 2048)
    scale = min(1.0, 768 / min(width, height))
    tiles = ceil(width * scale / 512) * ceil(height * scale / 512)
    return rule.base + rule.tile * tiles


def _patches(size: Size, rule: ImageRule) -> int:
    width, height = size
    count = ceil(width / 32) * ceil(height / 32)
    if count > rule.cap:
        scale = sqrt(rule.cap * 32 * 32 / (width * height))
        columns, rows = width * scale / 32, height * scale / 32
        fit = min(floor(columns) / columns, floor(rows) / rows) if min(columns, rows) >= 1 else 1.0
        count = min(rule.cap, ceil(columns * fit) * ceil(rows * fit))
    return ceil(count * rule.factor)


def _squares(size: Size, rule: ImageRule) -> int:
    width, height = _within(size, rule.edge)
    count = ceil(width / 28) * ceil(height / 28)
    return min(count, rule.cap)


def _crops(size: Size, rule: ImageRule) -> int:
    width, height = size
    if max(size) <= 384:
        return rule.tile
    return rule.tile * ceil(width / 768) * ceil(height / 768)


def _flat(_: Size, rule: ImageRule) -> int:
    return rule.base


_RULES: Final = {"tiles": _tiles, "patches": _patches, "squares": _squares, "crops": _crops, "flat": _flat}


def _within(size: Size, edge: int) -> tuple[float, float]:
    scale = min(1.0, edge / max(size))
    return size[0] * scale, size[1] * scale


def dimensions(data: bytes) -> Size | None:
    """Width and height in pixels of a PNG, JPEG, GIF or WebP, from its header; None for anything else."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        return _big(data[16:20]), _big(data[20:24])
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        return _little(data[6:8]), _little(data[8:10])
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) >= 30:
        return _webp(data)
    if data[:2] == b"\xff\xd8":
        return _jpeg(data)
    return None


def _webp(data: bytes) -> Size | None:
    match data[12:16]:
        case b"VP8X":
            return _little(data[24:27]) + 1, _little(data[27:30]) + 1
        case b"VP8L":
            bits = _little(data[21:25])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return _little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF
        case _:
            return None


# Frame headers; C4, C8 and CC lie in the same range and mean something else (ITU T.81, table B.1).
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _jpeg(data: bytes) -> Size | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _JPEG_FRAMES:
            return _big(data[at + 7 : at + 9]), _big(data[at + 5 : at + 7])
        else:
            at += 2 + _big(data[at + 2 : at + 4])
    return None


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


_PDF_PAGE: Final = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")


def document_tokens(document: Document, per_page: int) -> int:
    """Tokens of a file that is no text: a PDF by its pages, anything else as a file of 4 bytes a token.

    A file behind a URL or an id counts as ten pages.
    """
    if document.data is None:
        return 10 * per_page
    if not document.data.startswith(b"%PDF"):
        return len(document.data) // 4 + 1
    pages = len(_PDF_PAGE.findall(document.data))
    return (pages or max(1, len(document.data) // 50_000)) * per_page  # compressed page trees hide their pages


def audio_tokens(audio: Audio, per_second: float) -> int:
    """Tokens of a sound by its length; one whose length is not known counts as a minute."""
    return ceil(_seconds(audio.data) * per_second) if audio.data else ceil(60 * per_second)


def _seconds(data: bytes) -> float:
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE" and len(data) >= 32:
        return len(data) / max(1, _little(data[28:32]))  # bytes a second stand in the header
    return len(data) / 4000  # 32 kbit/s, the low end of compressed speech

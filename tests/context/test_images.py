import base64
import struct

import pytest

from context.histories import png
from holdfast.context.families import family_of
from holdfast.context.images import (
    CLAUDE,
    CLAUDE_HIGH,
    GEMINI_CROPS,
    GEMINI_FLAT,
    OPENAI_PATCHES_12,
    OPENAI_PATCHES_MINI,
    OPENAI_PATCHES_WIDE,
    OPENAI_TILES,
    OPENAI_TILES_5,
    audio_tokens,
    dimensions,
    document_tokens,
    image_tokens,
)
from holdfast.messages import Audio, Document, Image

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def jpeg(width, height):
    comment = b"\xff\xfe" + struct.pack(">H", 6) + b"\xff\xc0\x00\x00"  # looks like a frame inside
    frame = b"\xff\xff\xc2" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)
    return b"\xff\xd8\xff\xe0" + struct.pack(">H", 16) + bytes(14) + comment + frame


def webp(kind, width, height):
    bodies = {
        b"VP8X": bytes(8) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"),
        b"VP8L": bytes(4) + b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little") + bytes(5),
        b"VP8 ": bytes(7) + b"\x9d\x01\x2a" + struct.pack("<HH", width, height),
    }
    return b"RIFF\0\0\0\0WEBP" + kind + bodies[kind]


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png(640, 480), (640, 480)),
        (GIF, (1, 1)),
        (jpeg(1024, 768), (1024, 768)),
        (webp(b"VP8X", 3000, 2000), (3000, 2000)),
        (webp(b"VP8L", 800, 600), (800, 600)),
        (webp(b"VP8 ", 800, 600), (800, 600)),
        (b"", None),
        (b"not a picture", None),
        (b"\xff\xd8\xff", None),
        (b"\x89PNG\r\n\x1a\n", None),
    ],
)
def test_dimensions_come_from_the_header(data, size):
    assert dimensions(data) == size


@pytest.mark.parametrize(
    ("rule", "size", "tokens"),
    [
        # OpenAI docs, "Calculating costs": 1024 x 1024 and 2048 x 4096 in high detail; patches of 1024 x 1024, 1800 x 2400
        (OPENAI_TILES, (1024, 1024), 765),
        (OPENAI_TILES, (2048, 4096), 1105),
        (OPENAI_TILES_5, (1024, 1024), 630),
        (OPENAI_PATCHES_MINI, (1024, 1024), 1659),
        (OPENAI_PATCHES_MINI, (1800, 2400), 2353),
        (OPENAI_PATCHES_12, (32, 32), 2),
        (OPENAI_PATCHES_WIDE, (1024, 1024), 1229),
        # Anthropic docs, "Vision": 1092 x 1092
        (CLAUDE, (1092, 1092), 1521),
        (CLAUDE, (100, 100), 16),
        (CLAUDE, (8000, 8000), 1568),
        (CLAUDE_HIGH, (8000, 8000), 4784),
        # Gemini docs, "Understand and count tokens"
        (GEMINI_CROPS, (384, 384), 258),
        (GEMINI_CROPS, (960, 540), 516),
        (GEMINI_FLAT, (960, 540), 1120),
    ],
)
def test_a_picture_costs_what_the_docs_say(rule, size, tokens):
    assert image_tokens(Image(data=png(*size)), rule) == tokens


@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-4o",
        "openai/gpt-4.1-mini",
        "openai/gpt-5.5",
        "anthropic/claude-opus-5",
        "google/gemini-2.5-pro",
        "x/unknown",
    ],
)
def test_a_picture_of_unknown_size_counts_as_a_large_one(model):
    rule = family_of(model).images
    unknown = image_tokens(Image(url="https://example.com/a.png"), rule)
    assert unknown == image_tokens(Image(file_id="f"), rule) == image_tokens(Image(data=b"?"), rule) == rule.unknown
    assert unknown >= image_tokens(Image(data=png(700, 500)), rule)


def test_low_detail_is_the_base_where_tiles_are_billed():
    assert image_tokens(Image(data=png(2000, 2000), detail="low"), OPENAI_TILES) == 85
    assert image_tokens(Image(data=png(2000, 2000), detail="low"), OPENAI_PATCHES_12) > 85


def test_a_pdf_counts_by_its_pages():
    pdf = b"%PDF-1.4 << /Type /Pages >> << /Type /Page >> << /Type/Page >>"
    assert document_tokens(Document(data=pdf), 258) == 2 * 258
    assert document_tokens(Document(url="https://example.com/a.pdf"), 258) == 2580


def test_a_sound_counts_by_its_length():
    wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0" + struct.pack("<II", 16_000, 32_000) + bytes(320_000 - 32)
    assert audio_tokens(Audio(data=wav), 32.0) == 320
    assert audio_tokens(Audio(url="https://example.com/a.mp3"), 32.0) == 1920

"""Values out of the text of an answer."""

from __future__ import annotations

import msgspec
import pytest

from holdfast.errors import InvalidResponseError
from holdfast.schema import output_schema, read_output


class Point(msgspec.Struct):
    x: int


@pytest.mark.parametrize(
    "text",
    [
        '{"x": 1}',
        '```json\n{"x": 1}\n```',
        '\n```\n{"x": 1}\n```\n',
        '```JSON\r\n{"x":\r\n1}\r\n```',
        '  ```json  \n{"x": 1}\n  ```',
    ],
)
def test_a_code_fence_around_the_whole_text_is_no_part_of_it(text):
    assert read_output(text, output_schema(Point)) == Point(1)


@pytest.mark.parametrize("text", ['Here: ```json\n{"x": 1}\n```', '```json\n{"x": 1}', '{"x": "a"}', "", "```\n```"])
def test_anything_else_does_not_fit_and_is_kept(text):
    with pytest.raises(InvalidResponseError, match="'Point'") as caught:
        read_output(text, output_schema(Point))
    assert caught.value.raw is not None


def test_a_fence_inside_a_string_stays():
    assert read_output('"```json\\n1\\n```"', output_schema({"type": "string"})) == "```json\n1\n```"

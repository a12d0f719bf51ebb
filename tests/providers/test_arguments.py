"""Tool arguments: repaired where there is one reading, refused where a guess would be needed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import InvalidResponseError
from holdfast.providers.arguments import arguments_text

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)
objects = st.dictionaries(st.text(), values, max_size=4)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (None, "{}"),
        ("", "{}"),
        (" \n", "{}"),
        ("null", "{}"),
        ("{}", "{}"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        (b'{"a":1}', '{"a":1}'),
        ('{"a": 1}', '{"a": 1}'),
        (' {"a": 1}\n', ' {"a": 1}\n'),
        ('\ufeff{"a":1}', '{"a":1}'),
        ('```json\n{"a":1}\n```', '{"a":1}'),
        ('```\n{"a":1}```', '{"a":1}'),
        ("```json\n```", "{}"),
        ('"{\\"a\\":1}"', '{"a":1}'),
        ('""', "{}"),
        ('{"a":1}{"a":1}', '{"a":1}'),
        ('{"a":1}\n{"a": 1}', '{"a":1}'),
        ('{}{"a":1}', '{"a":1}'),
        ("{}{}", "{}"),
        ('{"a":"one\ntwo\tthree"}', '{"a":"one\\ntwo\\tthree"}'),
        ('```json\n{"a":"é"}\n```', '{"a":"é"}'),
    ],
)
def test_what_has_one_reading_becomes_an_object(raw, text):
    assert arguments_text(raw) == text


@pytest.mark.parametrize(
    "raw",
    [
        '{"a":',
        '{"a":1',
        '{"a":"cut',
        '{"dry_run": tru',
        "[1]",
        "5",
        "true",
        '"words"',
        "words",
        '{"a":1}{"a":2}',
        '{"a":1}{"a":1}{"a":',
        '{"a":1} and words',
        '{"a":NaN}',
        "{'a': 1}",
        '{"a":1,}',
        '```json\n{"a":\n```',
        "{" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        [1],
        5,
    ],
    ids=lambda raw: str(raw)[:20],
)
def test_what_would_need_a_guess_is_refused(raw):
    with pytest.raises(InvalidResponseError) as caught:
        arguments_text(raw)
    assert caught.value.raw is not None


@settings(max_examples=100, deadline=None)
@given(objects)
def test_an_object_keeps_its_meaning_in_every_wrapping(value):
    text = json.dumps(value)
    for raw in (value, text, f"```json\n{text}\n```", json.dumps(text), text + text, f"\ufeff {text} "):
        assert json.loads(arguments_text(raw)) == value


@settings(max_examples=100, deadline=None)
@given(objects, st.data())
def test_a_cut_object_is_never_completed(value, data):
    text = json.dumps({"key": value})
    cut = data.draw(st.integers(1, len(text) - 1))
    with pytest.raises(InvalidResponseError):
        arguments_text(text[:cut])


def test_the_result_is_its_own_result():
    once = arguments_text('```json\n{"a":"é\n"}\n```')
    assert arguments_text(once) is once

"""`holdfast explain`: from whatever somebody has of a failure to what it is."""

from __future__ import annotations

import json

import pytest

LIMITED = {"error": {"message": "Rate limit reached for gpt-4o", "type": "requests", "code": "rate_limit_exceeded"}}
CURL = (
    "HTTP/1.1 529 \r\ncontent-type: application/json\r\nretry-after: 7\r\n\r\n"
    '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
)
TRACEBACK = """Traceback (most recent call last):
  File "app.py", line 3, in <module>
    client.chat.completions.create(model="gpt-4o", messages=[])
openai.AuthenticationError: Error code: 401 - {'error': {'message': 'Incorrect API key provided: sk-1***', 'code': \
'invalid_api_key'}}
"""
LOG = """2025-11-21 01:00:00 INFO app: started
2025-11-21 01:00:01 ERROR openai.RateLimitError: Error code: 429 - {'error': {'message': 'Rate limit reached'}}
2025-11-21 01:00:02 INFO app: still here
2025-11-21 01:00:03 ERROR anthropic.APIStatusError: {'type': 'error', 'error': {'type': 'overloaded_error'}}
2025-11-21 01:00:04 ERROR openai.RateLimitError: Error code: 429 - {'error': {'message': 'Rate limit reached'}}
"""


@pytest.mark.parametrize(
    ("given", "options", "kind"),
    [
        (json.dumps(LIMITED), (), "rate_limit"),
        (json.dumps(LIMITED), ("--status", 429), "rate_limit"),
        (CURL, (), "overloaded"),
        (TRACEBACK, (), "authentication"),
        ("", ("--status", 529), "overloaded"),
        ("<html><body>502 Bad Gateway</body></html>", ("--status", 502), "server_error"),
        ("ConnectionResetError: [Errno 104] Connection reset by peer", (), "connection"),
    ],
    ids=["body", "body and status", "curl -i", "traceback", "status alone", "html", "exception text"],
)
def test_one_failure_is_named(holdfast, given, options, kind):
    done = holdfast("explain", *options, given=given)
    assert done.exit_code == 0, done.output
    assert f"({kind})" in done.stdout
    told = holdfast("explain", "--json", *options, given=given)
    assert json.loads(told.stdout)["error"]["kind"] == kind


def test_the_head_of_a_raw_response_counts(holdfast):
    told = json.loads(holdfast("explain", "--json", given=CURL).stdout)
    assert (told["error"]["status"], told["error"]["retry_after"]) == (529, 7.0)


def test_a_status_given_by_hand_wins_over_the_head(holdfast):
    told = json.loads(holdfast("explain", "--json", "--status", 503, given="oops").stdout)
    assert told["error"]["status"] == 503


def test_headers_given_by_hand_are_read(holdfast):
    options = ("--status", 429, "-H", "Retry-After: 12", "-H", "x-request-id: req_9")
    told = json.loads(holdfast("explain", "--json", *options, given=json.dumps(LIMITED)).stdout)
    assert told["error"]["retry_after"] == 12.0
    assert told["error"]["request_id"] == "req_9"


def test_a_failure_comes_from_a_file_too(holdfast, tmp_path):
    file = tmp_path / "error.json"
    file.write_text(json.dumps(LIMITED))
    done = holdfast("explain", file)
    assert done.exit_code == 0
    assert "Same again?" in done.stdout


def test_a_log_is_summed_up_by_kind(holdfast):
    done = holdfast("explain", given=LOG)
    assert done.exit_code == 0
    [limited] = [line.split() for line in done.stdout.splitlines() if "rate_limit" in line]
    assert "2" in limited
    assert "overloaded" in done.stdout
    rows = json.loads(holdfast("explain", "--json", given=LOG).stdout)
    assert {row["kind"]: row["count"] for row in rows} == {"rate_limit": 2, "overloaded": 1}


def test_json_lines_are_a_log(holdfast):
    lines = "\n".join(json.dumps({"level": "error", "msg": "chat failed", "error": LIMITED["error"]}) for _ in range(3))
    rows = json.loads(holdfast("explain", "--json", given=lines).stdout)
    assert [(row["kind"], row["count"]) for row in rows] == [("rate_limit", 3)]


def test_a_short_log_is_read_line_by_line_when_asked_to(holdfast):
    rows = json.loads(holdfast("explain", "--log", "--json", given=LOG.splitlines()[1]).stdout)
    assert [row["count"] for row in rows] == [1]


@pytest.mark.parametrize(
    "given",
    [
        "hello world",
        "line\n" * 10,
        '{"a": 1}',
        json.dumps({"choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}),
    ],
)
def test_nothing_recognised_is_said_plainly(holdfast, given):
    done = holdfast("explain", given=given)
    assert done.exit_code == 1
    assert "No failure" in done.stdout


def test_a_success_is_no_failure(holdfast):
    body = {"choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
    done = holdfast("explain", "--status", 200, given=json.dumps(body))
    assert done.exit_code == 1
    assert "no failure" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (("nowhere.json",), None, "nowhere.json"),
        ((), "", "empty"),
        (("-H", "no colon"), "x", "name: value"),
    ],
)
def test_a_wrong_command_line_is_told_in_a_sentence(holdfast, arguments, given, said):
    done = holdfast("explain", *arguments, given=given)
    assert done.exit_code == 2
    assert said in done.stderr


def test_what_is_no_text_is_read_all_the_same(holdfast):
    assert holdfast("explain", given=b"\xff\xfe\x00 HTTP 429 Too Many Requests").exit_code in (0, 1)


def test_no_key_is_repeated(holdfast):
    key = "sk-proj-" + "a1B2" * 10
    text = f"openai.AuthenticationError: Error code: 401 - Incorrect API key provided: {key}"
    for options in ((), ("--json",)):
        assert key not in holdfast("explain", *options, given=text).output


def test_a_text_can_stand_on_the_command_line(holdfast):
    done = holdfast("explain", "Error code: 429 - {'error': {'message': 'Rate limit reached for gpt-5'}}" + " x" * 300)
    assert done.exit_code == 0
    assert "RateLimitError" in done.stdout

"""`holdfast run`: each line of the input ends in exactly one line of the output, whatever happens in between."""

from __future__ import annotations

import codecs
import fcntl
import json
import signal
import time

import pytest

from holdfast.cli.batch import Batch, _recover
from holdfast.simulator import expected_answer

CALM = "[models.calm2]"
FLAKY = """
[models.flaky]
rules = [{ fault = "invalid_request", prompt = "bad", attempts = 1 }]
"""
SLOW = "[models.slow]\nlatency = 0.03"


def prompts(count: int) -> list[str]:
    return [f"What is kelp number {number}?" for number in range(1, count + 1)]


@pytest.fixture
def files(tmp_path):
    """Paths for input and output; the lines given are written to the first."""

    def write(*lines: object):
        texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        source = tmp_path / "in.jsonl"
        source.write_bytes(b"".join(text + b"\n" for text in texts))
        return source, tmp_path / "out.jsonl"

    return write


def read(target) -> list[dict]:
    data = target.read_bytes()
    assert data.endswith(b"\n") or not data
    return sorted((json.loads(line) for line in data.splitlines()), key=lambda outcome: outcome["line"])


def text_of(outcome: dict) -> str:
    response = outcome["response"]
    return response["text"] if "text" in response else response["body"]["choices"][0]["message"]["content"]


def batch_form(name: object, prompt: str, **fields) -> dict:
    body = {"model": "any", "messages": [{"role": "user", "content": prompt}]}
    return {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body, **fields}


def test_each_form_of_a_line_is_answered_in_its_own_form(files, holdfast):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    source, target = files({"id": "a", "prompt": "Who?"}, {"id": 7, "messages": messages}, batch_form("c", "When?"))
    assert holdfast("run", source, target).exit_code == 0
    plain, spoken, batch = read(target)
    assert (plain["id"], plain["response"]["text"]) == ("a", expected_answer("Who?"))
    assert (spoken["id"], spoken["response"]["text"]) == (7, expected_answer("Why?"))
    assert batch["custom_id"] == "c"
    assert batch["response"]["status_code"] == 200
    assert batch["response"]["body"]["object"] == "chat.completion"
    assert text_of(batch) == expected_answer("When?")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b"{", None),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
        ([1, 2], None),
        ("just text", None),
        ({"id": "a"}, "a"),
        ({"id": "a", "prompt": 7}, "a"),
        ({"id": "a", "messages": "no list"}, "a"),
        ({"id": "a", "messages": [{"role": "nobody", "content": "?"}]}, "a"),
        ({"id": {"no": "name"}, "prompt": "Who?"}, None),
        ({"id": "a", "messages": [], "seed": 10**40}, "a"),
    ],
)
def test_a_line_that_cannot_be_asked_ends_in_an_error_and_the_others_are_answered(files, holdfast, line, name):
    source, target = files({"id": "before", "prompt": "Who?"}, line, {"id": "after", "prompt": "Why?"})
    done = holdfast("run", source, target)
    assert done.exit_code == 1, done.output
    before, bad, after = read(target)
    assert (bad["id"], bad["response"], bad["error"]["kind"]) == (name, None, "invalid_request")
    assert bad["attempts"] == []
    assert [text_of(before), text_of(after)] == [expected_answer("Who?"), expected_answer("Why?")]


@pytest.mark.parametrize(
    "line",
    [batch_form("b", "Who?", url="/v1/embeddings"), batch_form("b", "Who?", body={}), batch_form("b", "?", body=3)],
)
def test_a_bad_line_in_batch_form_keeps_its_custom_id(files, holdfast, line):
    source, target = files(line)
    assert holdfast("run", source, target).exit_code == 1
    [outcome] = read(target)
    assert outcome["custom_id"] == "b"
    assert outcome["error"]["kind"] == "invalid_request"


def test_lines_without_a_name_or_with_the_same_one_are_kept_apart_by_their_number(files, holdfast):
    same = {"id": "same", "prompt": "Who?"}
    source, target = files(same, {"prompt": "Why?"}, same, batch_form(None, "When?"), {"id": 10**30, "prompt": "How?"})
    assert holdfast("run", source, target).exit_code == 0
    outcomes = read(target)
    assert [outcome["line"] for outcome in outcomes] == [1, 2, 3, 4, 5]
    assert [outcome.get("id", outcome.get("custom_id")) for outcome in outcomes] == [
        "same",
        2,
        "same",
        None,
        str(10**30),
    ]


def test_empty_lines_have_no_output_and_line_numbers_are_those_of_an_editor(files, holdfast):
    source, target = files(b"", {"id": "a", "prompt": "Who?"}, b"  \t", b"\r", {"id": "b", "prompt": "Why?"}, b"")
    assert holdfast("run", source, target).exit_code == 0
    assert [outcome["line"] for outcome in read(target)] == [2, 5]


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter(files, holdfast):
    source, target = files(codecs.BOM_UTF8 + b'{"id": 1, "prompt": "Who?"}\r', b'{"id": 2, "prompt": "Why?"}\r')
    assert holdfast("run", source, target).exit_code == 0
    assert [text_of(outcome) for outcome in read(target)] == [expected_answer("Who?"), expected_answer("Why?")]


def test_an_empty_file_is_done_at_once(files, holdfast):
    source, target = files()
    assert holdfast("run", source, target).exit_code == 0
    assert read(target) == []


def test_a_storm_with_a_calm_fallback_loses_no_line(files, holdfast):
    asked = prompts(60)
    source, target = files(*({"id": prompt, "prompt": prompt} for prompt in asked))
    options = ("-m", "sim/stormy", "-f", "sim/calm", "--fallback-filtered", "--rest", 0, "--first-event", 0.5)
    done = holdfast("run", source, target, *options, "--idle", 0.5)
    assert done.exit_code == 0, done.output
    assert [text_of(outcome) for outcome in read(target)] == [expected_answer(prompt) for prompt in asked]
    assert "60 responses" in done.stderr


def test_every_line_tells_its_attempts(files, holdfast, simulated):
    simulated('[models.down]\nrules = [{ fault = "server_error" }]')
    source, target = files({"id": 1, "prompt": "Who?"})
    assert holdfast("run", source, target, "-m", "sim/down", "-f", "sim/calm").exit_code == 0
    attempts = read(target)[0]["attempts"]
    assert [(attempt["model"], attempt["error"]) for attempt in attempts][-2:] == [
        ("sim/down", "server_error"),
        ("sim/calm", None),
    ]


def test_a_second_run_asks_nothing_again(files, holdfast, simulated):
    simulator = simulated(CALM)
    source, target = files(*({"prompt": prompt} for prompt in prompts(5)))
    assert holdfast("run", source, target).exit_code == 0
    before = target.read_bytes()
    assert holdfast("run", source, target).exit_code == 0
    assert target.read_bytes() == before
    assert len(simulator.requests) == 5


def test_failed_lines_stay_failed_until_they_are_retried(files, holdfast, simulated):
    simulator = simulated(FLAKY)
    source, target = files({"prompt": "good"}, {"prompt": "bad"}, {"prompt": "fine"})
    options = ("run", source, target, "-m", "sim/flaky")
    assert holdfast(*options).exit_code == 1
    assert holdfast(*options).exit_code == 1
    assert len(simulator.requests) == 3
    assert holdfast(*options, "--retry-failed").exit_code == 0
    assert len(simulator.requests) == 4
    assert [text_of(outcome) for outcome in read(target)] == [expected_answer(p) for p in ("good", "bad", "fine")]
    assert sorted(path.name for path in target.parent.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_fresh_begins_anew(files, holdfast, simulated):
    simulator = simulated(CALM)
    source, target = files({"prompt": "Who?"})
    target.write_text("notes that may go\n")
    assert holdfast("run", source, target, "--fresh").exit_code == 0
    assert holdfast("run", source, target, "--fresh").exit_code == 0
    assert len(read(target)) == 1
    assert len(simulator.requests) == 2


def test_a_line_torn_by_a_kill_is_asked_again_wherever_it_was_torn(files):
    outcomes = [b'{"line":%d,"id":%d,"response":{"text":"x"},"error":null,"attempts":[]}\n' % (n, n) for n in (1, 2)]
    source, target = files({"prompt": "Who?"}, {"prompt": "Why?"})
    for cut in range(len(outcomes[1])):
        target.write_bytes(outcomes[0] + outcomes[1][:cut])
        with target.open("ab+") as file:
            done, left = _recover(file, Batch(source, target))
            assert left is file
        assert set(done) == {1}
        assert target.read_bytes() == outcomes[0]


def test_what_was_torn_is_asked_again(files, holdfast):
    source, target = files(*({"prompt": prompt} for prompt in prompts(3)))
    holdfast("run", source, target)
    target.write_bytes(target.read_bytes()[:-25])
    assert holdfast("run", source, target).exit_code == 0
    assert [text_of(outcome) for outcome in read(target)] == [expected_answer(prompt) for prompt in prompts(3)]


@pytest.mark.parametrize("content", ["my notes\n", '{"some": "json"}\n', "no line end", '[{"line": 1}]\n'])
def test_a_file_that_is_no_output_is_left_alone(files, holdfast, content):
    source, target = files({"prompt": "Who?"})
    target.write_text(content)
    assert holdfast("run", source, target).exit_code == 2
    assert target.read_text() == content


@pytest.mark.parametrize("fresh", [(), ("--fresh",)])
def test_the_input_is_never_written_to(files, holdfast, fresh):
    source, _ = files({"prompt": "Who?"})
    before = source.read_bytes()
    assert holdfast("run", source, source, *fresh).exit_code == 2
    assert source.read_bytes() == before


def test_two_runs_cannot_write_to_one_file(files, holdfast):
    source, target = files({"prompt": "Who?"})
    with target.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        done = holdfast("run", source, target)
    assert done.exit_code == 2
    assert "Another run" in done.stderr
    assert target.read_bytes() == b""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-m", "nowhere/model"), "no endpoint 'nowhere'"),
        (("-m", "openai/gpt-5-mini"), "OPENAI_API_KEY"),
        (("-m", "modelwithoutendpoint"), "names no endpoint"),
    ],
)
def test_a_wrong_set_up_is_told_in_a_sentence_before_anything_is_asked(files, holdfast, monkeypatch, options, said):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    source, target = files({"prompt": "Who?"})
    done = holdfast("run", source, target, *options)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_a_missing_input_is_told_in_a_sentence(tmp_path, holdfast):
    done = holdfast("run", tmp_path / "none.jsonl", tmp_path / "out.jsonl")
    assert done.exit_code == 2
    assert "none.jsonl" in done.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_an_endpoint_of_ones_own_gets_its_own_key_only(files, holdfast, simulated, monkeypatch):
    simulator = simulated('api_key = "mine"\n' + CALM)
    monkeypatch.setenv("OPENAI_API_KEY", "not for others")
    source, target = files({"prompt": "Who?"})
    options = ("run", source, target, "--base-url", simulator.base_url(), "-m", "calm2", "--api-key-env", "MY_KEY")
    assert holdfast(*options).exit_code == 1
    assert read(target)[0]["error"]["kind"] == "authentication"
    monkeypatch.setenv("MY_KEY", "mine")
    assert holdfast(*options, "--retry-failed").exit_code == 0


def wait_for_lines(target, count: int) -> None:
    ends = time.monotonic() + 20
    while not target.exists() or target.read_bytes().count(b"\n") < count:
        assert time.monotonic() < ends, "no line came"
        time.sleep(0.005)


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_was_killed_goes_on_without_losing_or_doubling_a_line(files, holdfast, spawned, simulated, kill):
    simulator = simulated(SLOW)
    asked = prompts(60)
    source, target = files(*({"prompt": prompt} for prompt in asked))
    options = ("run", source, target, "-m", "sim/slow", "-c", 4)
    for lines in (5, 25):
        process = spawned(*options)
        wait_for_lines(target, lines)
        process.send_signal(kill)
        _, told = process.communicate(timeout=20)
        if kill == signal.SIGINT:
            assert process.returncode == 130
            assert "Run the same command again" in told
            assert "Traceback" not in told
        else:
            assert process.returncode == -kill
    done_before = len(target.read_bytes().splitlines())
    assert 25 <= done_before < 60
    assert holdfast(*options).exit_code == 0
    assert [outcome["line"] for outcome in read(target)] == list(range(1, 61))
    assert [text_of(outcome) for outcome in read(target)] == [expected_answer(prompt) for prompt in asked]
    # Asked again is what was under way when a kill came, four lines at most each time, and nothing else.
    assert 60 <= len(simulator.requests) <= 60 + 2 * 4


def test_a_second_process_is_kept_out_while_the_first_runs(files, holdfast, spawned, simulated):
    simulated(SLOW)
    source, target = files(*({"prompt": prompt} for prompt in prompts(60)))
    options = ("run", source, target, "-m", "sim/slow", "-c", 1)
    process = spawned(*options)
    wait_for_lines(target, 1)
    assert holdfast(*options).exit_code == 2
    process.kill()
    process.communicate()
    assert holdfast(*options, "-c", 60).exit_code == 0


def test_a_configuration_says_whom_to_ask(holdfast, simulated, tmp_path):
    url = simulated("[models.calm]\n").base_url()
    (tmp_path / "in.jsonl").write_text('{"id": "1", "prompt": "What is kelp?"}\n')
    (tmp_path / "holdfast.toml").write_text(f'models = ["mine/calm"]\n[endpoints.mine]\nbase_url = "{url}"\n')
    done = holdfast("run", tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--config", tmp_path / "holdfast.toml")
    assert done.exit_code == 0
    assert '"1"' in (tmp_path / "out.jsonl").read_text()

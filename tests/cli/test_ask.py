"""`holdfast ask`: the answer on standard output, what happened on the way on standard error."""

from __future__ import annotations

import json
import signal
import time

import pytest

from holdfast.simulator import expected_answer

PROMPT = "What is kelp?"
ANSWER = expected_answer(PROMPT)
BREAKS = """
[models.breaks]
rules = [{ fault = "reset_after", after = 6 }]
[models.down]
rules = [{ fault = "server_error" }]
[models.prim]
rules = [{ fault = "content_filter" }]
[models.slow]
latency = 30
"""


@pytest.fixture(autouse=True)
def _scenario(simulated):
    simulated(BREAKS)


@pytest.mark.parametrize("options", [(), ("--stream",)])
def test_the_answer_alone_goes_to_standard_output(holdfast, options):
    done = holdfast("ask", PROMPT, *options)
    assert (done.exit_code, done.stdout) == (0, ANSWER + "\n")
    assert "sim/calm" in done.stderr
    assert "finish: stop" in done.stderr


def test_the_prompt_comes_from_standard_input_too(holdfast):
    assert holdfast("ask", "-", given=PROMPT).stdout == ANSWER + "\n"


def test_the_whole_response_is_json_on_request(holdfast):
    for options in ((), ("--stream",)):
        response = json.loads(holdfast("ask", PROMPT, "--json", *options).stdout)
        assert response["parts"][0]["text"] == ANSWER


def test_what_happened_on_the_way_is_told(holdfast):
    done = holdfast("ask", PROMPT, "-m", "sim/down", "-f", "sim/calm")
    assert (done.exit_code, done.stdout) == (0, ANSWER + "\n")
    assert "1. sim/down" in done.stderr
    assert "server_error" in done.stderr


def test_a_restart_is_seen(holdfast):
    done = holdfast("ask", PROMPT, "-m", "sim/breaks", "-f", "sim/calm", "--stream")
    assert done.exit_code == 0
    void, _, valid = done.stdout.rpartition("begins again]\n")
    assert "[void: " in void
    assert valid == ANSWER + "\n"


def test_a_resumed_answer_simply_goes_on(holdfast):
    done = holdfast("ask", PROMPT, "-m", "sim/breaks", "-f", "sim/calm", "--stream", "--on-break", "resume")
    assert (done.exit_code, done.stdout) == (0, ANSWER + "\n")


def test_a_truncated_answer_says_so(holdfast):
    done = holdfast("ask", PROMPT, "-m", "sim/breaks", "--stream", "--on-break", "truncate")
    assert done.exit_code == 0
    assert ANSWER.startswith(done.stdout.strip())
    assert "truncated" in done.stderr


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (("-m", "sim/down"), "server_error"),
        (("-m", "sim/prim"), "content_filter"),
        (("-m", "sim/slow", "--deadline", "0.05"), "timeout"),
        (("-m", "sim/breaks", "--stream", "--on-break", "raise"), "stream_interrupted"),
        (("-m", "sim/nobody"), "model_not_found"),
    ],
)
def test_an_error_is_named_and_explained(holdfast, options, kind):
    done = holdfast("ask", PROMPT, *options)
    assert done.exit_code == 1, done.output
    assert kind in done.stderr
    assert "Traceback" not in done.output
    assert "\n  1. sim/" in done.stderr


@pytest.mark.parametrize(
    "options", [("-m", "nowhere/x"), ("--on-break", "panic"), ("--deadline", "0"), ("-m", "sim/calm", "-f", "x")]
)
def test_a_wrong_command_line_is_exit_code_2(holdfast, options):
    done = holdfast("ask", PROMPT, *options)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_interrupted_it_ends_at_once_and_without_a_traceback(spawned):

    process = spawned("ask", PROMPT, "-m", "sim/slow", "--stream")
    time.sleep(1.5)  # until it waits for the answer; earlier it would be Python itself that is interrupted
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in told


CONFIG = """
models = ["sim/down", "mine/calm"]
[endpoints.mine]
base_url = "{url}"
"""


@pytest.mark.parametrize("options", [(), ("--stream",)])
def test_a_configuration_says_whom_to_ask(holdfast, simulated, tmp_path, options):
    config = tmp_path / "holdfast.toml"
    config.write_text(CONFIG.format(url=simulated(BREAKS).base_url()))
    done = holdfast("ask", PROMPT, "--config", config, *options)
    assert (done.exit_code, done.stdout) == (0, ANSWER + "\n")
    assert "mine/calm" in done.stderr


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("modles = []", (), "modles: no such key"),
        ("models = []", ("--model", "sim/calm"), "leave out --model"),
        ("models = []", ("--deadline", "3"), "leave out --deadline"),
        ("models = []", (), "at least one model"),
        (None, (), "cannot be read"),
    ],
)
def test_a_configuration_that_is_wrong_or_contradicted_is_told(holdfast, tmp_path, text, options, said):
    config = tmp_path / "holdfast.toml"
    if text is not None:
        config.write_text(text)
    done = holdfast("ask", PROMPT, "--config", config, *options)
    assert (done.exit_code, said in done.stderr) == (2, True)

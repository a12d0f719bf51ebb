"""The synchronous face: the same answers, from any thread, after a fork, and nothing left at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from holdfast import ServerError, StreamInterruptedError
from holdfast.events import Finish
from holdfast.simulator import expected_answer
from holdfast.sync import Client
from holdfast.testing import ScriptedModel

PROMPT = "What is kelp?"


@pytest.fixture
def client():
    with Client("sim/calm") as client:
        yield client


def test_create_gives_the_whole_answer(client):
    assert client.create(PROMPT).text == expected_answer(PROMPT)


def test_a_stream_is_iterated_as_it_comes(client):
    with client.stream(PROMPT) as stream:
        events = list(stream)
    assert isinstance(events[-1], Finish)
    assert stream.response().text == expected_answer(PROMPT)


def test_text_is_only_the_words(client):
    with client.stream(PROMPT) as stream:
        assert "".join(stream.text()) == expected_answer(PROMPT)


def test_leaving_a_stream_early_ends_the_call():
    model = ScriptedModel(["one ", "two ", "three "])
    with Client(model) as client, client.stream(PROMPT) as stream:
        next(iter(stream.text()))
    assert (model.active, model.abandoned) == (0, 1)


def test_errors_come_through_with_their_facts():
    with Client(ScriptedModel(["Half ", StreamInterruptedError("cut")])) as client, client.stream(PROMPT) as stream:
        with pytest.raises(StreamInterruptedError) as caught:
            list(stream)
        assert caught.value.partial.text == stream.response().text == "Half "


def test_a_handler_may_answer():
    with Client(ScriptedModel(ServerError("x"), then="last")) as client:

        @client.on_error(ServerError)
        def sorry(call):
            return call.answer("Sorry.")

        assert client.create(PROMPT).degraded


def test_many_threads_share_one_client(client):
    answers = []
    threads = [
        threading.Thread(target=lambda number=number: answers.append(client.create(f"Question {number}").text))
        for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == sorted(expected_answer(f"Question {number}") for number in range(12))


SCRIPT = """
import os, sys
from holdfast.sync import Client
client = Client("sim/calm")
assert client.create("Before").text
sys.stdout.flush()
if {fork}:
    child = os.fork()
    if child == 0:
        print("child:", bool(client.create("In the child").text), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
print("parent:", bool(client.create("After").text))
client.close()
"""


@pytest.mark.parametrize("fork", [False, True])
def test_a_script_ends_cleanly_also_after_a_fork(fork):
    if fork and not hasattr(os, "fork"):
        pytest.skip("no fork here")
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", SCRIPT.format(fork=fork)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert "parent: True" in done.stdout
    assert not fork or "child: True" in done.stdout

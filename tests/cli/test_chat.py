"""`holdfast chat`: through pipes, and on a terminal of the test's own where keys and colours matter."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from io import StringIO

import pytest
from rich.console import Console

from cli.conftest import COMMAND
from holdfast.cli.drawing import Drawing
from holdfast.errors import StreamInterruptedError
from holdfast.events import Restart, TextDelta
from holdfast.simulator import expected_answer

SCENARIO = """
[models.breaks]
rules = [{ fault = "early_end", after = 8 }]
[models.down]
rules = [{ fault = "server_error" }]
[models.small]
window = { tokens = 1500 }
[models.slow]
pace = 0.5
"""
KELP = expected_answer("What is kelp?")


@pytest.fixture(autouse=True)
def _scenario(simulated):
    simulated(SCENARIO)


def test_each_line_is_a_question_and_only_answers_go_to_standard_output(holdfast):
    done = holdfast("chat", given="What is kelp?\n\nAnd then?\n")
    assert done.exit_code == 0
    assert done.stdout == f"{KELP}\n{expected_answer('And then?')}\n"
    assert done.stderr.count("of 128000 tokens") == 2
    assert "sim/calm" in done.stderr


def test_the_conversation_is_sent_and_instructions_stand_before_it(holdfast, simulated):
    simulator = simulated(SCENARIO)
    holdfast("chat", "--system", "Be brief.", "--max-tokens", 99, given="One\nTwo\n")
    assert len(simulator.requests) == 2
    body = simulator.requests[1].body
    assert body.index(b"Be brief.") < body.index(b"One") < body.index(b"Two")
    assert b"99" in body


def test_a_restart_and_what_recovery_did_are_seen(holdfast):
    done = holdfast("chat", "-m", "sim/breaks", "-f", "sim/calm", given="What is kelp?\n")
    void, _, valid = done.stdout.rpartition("begins again]\n")
    assert "void: stream_interrupted" in void
    assert valid == KELP + "\n"
    assert "1. sim/breaks" in done.stderr


def test_a_failed_answer_is_explained_and_the_conversation_goes_on(holdfast):
    done = holdfast("chat", "-m", "sim/down", "--deadline", 2, given="What is kelp?\n/model sim/calm\nWhat is kelp?\n")
    assert done.exit_code == 1
    assert "server_error: The provider had an internal error" in done.stderr
    assert done.stdout == KELP + "\n"


def test_a_full_window_is_cut_and_the_meter_says_so(holdfast):
    question = "word " * 400
    done = holdfast("chat", "-m", "sim/small", given=f"{question}\n" * 12)
    assert done.exit_code == 0
    assert "the conversation was cut from" in done.stderr
    assert "of 1500 tokens" in done.stderr
    assert "▰▰▰" in done.stderr


def test_a_conversation_is_saved_loaded_and_cleared(holdfast, tmp_path, simulated):
    file = tmp_path / "talk.json"
    simulator = simulated(SCENARIO)
    holdfast("chat", given=f"I am Ann.\n/save {file}\n/clear\nWho am I?\n")
    assert b"Ann" not in simulator.requests[-1].body
    done = holdfast("chat", "--load", file, given=f"Who am I?\n/load {file}\n/quit\nnever asked\n")
    assert b"Ann" in simulator.requests[-1].body
    assert "2 messages from" in done.stderr
    assert "never asked" not in str(simulator.requests[-1].body)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/load /nowhere/at.all", "could not be loaded"),
        ("/save /nowhere/at.all", "could not be saved"),
        ("/load {junk}", "could not be loaded"),
        ("/model nobody/at-all", "nobody"),
        ("/model", "Name a model"),
        ("/dance", "no command /dance"),
        ("/help", "/save FILE"),
    ],
)
def test_a_command_that_cannot_be_done_says_why_and_ends_nothing(holdfast, tmp_path, line, said):
    junk = tmp_path / "junk"
    junk.write_text("junk")
    done = holdfast("chat", given=f"{line.format(junk=junk)}\nWhat is kelp?\n")
    assert done.exit_code == 0
    assert said in done.stderr
    assert done.stdout == KELP + "\n"


def test_an_unknown_model_is_an_error_of_the_command_line(holdfast):
    assert holdfast("chat", "-m", "nobody/at-all", given="").exit_code == 2


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        ours, theirs = pty.openpty()
        self._ours = ours
        self._read = 0
        self.seen = ""
        self.process = subprocess.Popen(  # noqa: S603  # our own command
            [*COMMAND, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200", "LINES": "50"},
            start_new_session=True,
            close_fds=True,
        )
        os.close(theirs)

    def wait_for(self, words: str, seconds: float = 20) -> None:
        """Read on until these words have come, after those that were waited for before."""
        ends = time.monotonic() + seconds
        while (found := self.seen.find(words, self._read)) < 0:
            left = ends - time.monotonic()
            assert left > 0, f"{words!r} did not come: {self.seen!r}"
            if select.select([self._ours], [], [], left)[0]:
                self.seen += os.read(self._ours, 65536).decode(errors="replace")
        self._read = found + len(words)

    def type(self, words: str) -> None:
        os.write(self._ours, words.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def terminal():
    opened = []

    def start(*arguments: str) -> Terminal:
        opened.append(Terminal(*arguments))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_control_c_ends_the_current_answer_only(terminal):
    talk = terminal("chat", "-m", "sim/slow", "-f", "sim/calm")
    talk.wait_for("0% >")
    talk.type("What is kelp?\r")
    talk.wait_for("1. ")
    talk.process.send_signal(signal.SIGINT)
    talk.wait_for("[cancelled; what was said is kept]")
    talk.wait_for("0% >")
    talk.process.send_signal(signal.SIGINT)  # at the prompt it does no harm
    talk.wait_for("/quit or Ctrl-D leaves")
    talk.type("/model sim/calm\r")
    talk.wait_for("sim/calm goes on")
    talk.type("And then?\r")
    talk.wait_for(expected_answer("And then?")[-12:])
    talk.type("/quit\r")
    assert talk.process.wait(20) == 0


def test_on_a_terminal_void_words_are_struck_out_and_control_d_leaves(terminal):
    talk = terminal("chat", "-m", "sim/breaks", "-f", "sim/calm")
    talk.wait_for("0% >")
    talk.type("What is kelp?\r")
    talk.wait_for(KELP[-12:])
    talk.wait_for("tokens")
    assert "\x1b[2;9m" in talk.seen
    talk.wait_for("0% >")
    talk.type("\x04")
    assert talk.process.wait(20) == 0


def test_words_that_have_left_the_screen_are_called_void_in_words():
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=20, height=5, soft_wrap=True, highlight=False)
    drawing = Drawing(console)
    for _ in range(20):
        drawing.feed(TextDelta("many words \x1b[2J"))
    drawing.feed(Restart(StreamInterruptedError("cut")))
    drawing.feed(Restart(StreamInterruptedError("cut again")))
    drawing.feed(TextDelta("Whole."))
    drawing.end()
    assert out.getvalue().count("void: stream_interrupted") == 1
    assert "\x1b[2J" not in out.getvalue()
    assert out.getvalue().endswith("Whole.\n")

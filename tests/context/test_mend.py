# random histories are no secrets
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.histories import broken_laws, history
from holdfast.context.mend import NO_RESULT, interrupted, mend
from holdfast.messages import AssistantMessage, ToolCall, ToolMessage, ToolResult, UserMessage

ASK = UserMessage("TASK")
CALL = AssistantMessage([ToolCall("a", "read"), ToolCall("b", "read")])
A, B = ToolResult("a", "1"), ToolResult("b", "2")
LOST_A, LOST_B = (ToolResult(name, NO_RESULT, "read", is_error=True) for name in "ab")
GO_ON = UserMessage("go on")


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ([ASK, CALL, ToolMessage([A, B]), GO_ON], [ASK, CALL, ToolMessage([A, B]), GO_ON]),
        ([ASK, CALL], [ASK, CALL]),
        ([ASK, CALL, ToolMessage([A])], [ASK, CALL, ToolMessage([A])]),
        ([ASK, CALL, GO_ON], [ASK, CALL, ToolMessage([LOST_A, LOST_B]), GO_ON]),
        ([ASK, CALL, ToolMessage([B]), GO_ON], [ASK, CALL, ToolMessage([LOST_A]), ToolMessage([B]), GO_ON]),
        ([ToolMessage([A]), GO_ON], [GO_ON]),
        ([ASK, ToolMessage([A, B]), CALL, ToolMessage([A, B])], [ASK, CALL, ToolMessage([A, B])]),
        ([ASK, CALL, ToolMessage([A, B]), ToolMessage([A])], [ASK, CALL, ToolMessage([A, B])]),
        (
            [ASK, CALL, ToolMessage([A]), GO_ON, ToolMessage([B])],
            [ASK, CALL, ToolMessage([A]), GO_ON, ToolMessage([B])],
        ),
        ([], []),
    ],
)
def test_calls_and_results_are_matched(broken, whole):
    assert mend(broken) == tuple(whole)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(0, 20))
def test_a_sound_history_is_left_alone_and_a_torn_one_is_made_sound(seed, steps):
    random = Random(seed)
    log = history(random, steps)
    assert mend(log) == tuple(log)
    torn = [
        message for message in log if not isinstance(message, ToolMessage | AssistantMessage) or random.random() < 0.7
    ]
    torn.append(GO_ON)
    mended = mend(torn)
    assert not [law for law in broken_laws([*mended], mended) if "result" in law]
    assert mend(mended) == mended


def test_a_cancelled_turn_can_be_closed():
    assert interrupted(CALL.tool_calls) == ToolMessage([LOST_A, LOST_B])

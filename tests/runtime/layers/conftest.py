from __future__ import annotations

import asyncio

import pytest

from holdfast.messages import UserMessage
from holdfast.request import Request
from holdfast.testing import FakeClock


@pytest.fixture
def clock():
    return FakeClock(autojump=True)


@pytest.fixture
def request_():
    return Request(messages=(UserMessage("Hello"),))


@pytest.fixture(autouse=True)
async def no_task_is_left():
    yield
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, left

"""What a policy was built with, kept beside it, so that it can be shown and written down."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec

from msgspec import Struct

from holdfast.recovery.attempt import Policy

P = ParamSpec("P")
_KEPT = "statement"


class Statement(Struct, frozen=True):
    """The function that built a policy, by its name, and the arguments that it was given."""

    name: str
    arguments: Mapping[str, Any] = {}


def stated(build: Callable[P, Policy]) -> Callable[P, Policy]:
    """Have the policies that `build` makes know their statement."""
    signature = inspect.signature(build)

    @wraps(build)
    def building(*args: P.args, **kwargs: P.kwargs) -> Policy:
        policy = build(*args, **kwargs)
        vars(policy)[_KEPT] = Statement(build.__name__, dict(signature.bind(*args, **kwargs).arguments))
        return policy

    return building


def statement_of(policy: Policy) -> Statement | None:
    """What a policy was built with; None for a function of the user's own."""
    statement: Statement | None = getattr(policy, _KEPT, None)
    return statement

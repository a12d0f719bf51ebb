"""What a client will do, in words that fit on a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from holdfast.recovery.stated import statement_of

if TYPE_CHECKING:
    from holdfast.runtime.recover import Recover

_LONG: Final = 40


def describe(engine: Recover) -> str:
    """The chain, the policies in order, and the worst case of a call."""
    options, timeouts = engine.options, engine.options.timeouts
    requests = engine.attempts(options)
    lines = ["Models"]
    lines += [f"  {index}. {model.name}" for index, model in enumerate(engine.models, 1)]
    lines += ["Policies, the first that decides wins"]
    lines += [f"  {index}. {_named(policy)}" for index, policy in enumerate(engine.policies, 1)]
    lines += [
        f"When an answer breaks: {options.on_break}",
        f"One attempt: connect {timeouts.connect:g} s, idle {timeouts.idle:g} s, total {timeouts.total:g} s",
        f"One call: at most {requests} request{'s' * (requests != 1)}, at most {options.deadline:g} s",
    ]
    return "\n".join(lines)


def _named(policy: Any) -> str:
    """A policy as it was written: the function that built it, and the arguments that it was given."""
    statement = statement_of(policy)
    if statement is None:
        name: str = getattr(policy, "__qualname__", type(policy).__name__)
        return name.split(".<locals>", maxsplit=1)[0]
    arguments = ", ".join(f"{name}={_shown(value)}" for name, value in statement.arguments.items())
    return f"{statement.name}({arguments})" if arguments else statement.name


def _shown(value: Any) -> str:
    match value:
        case tuple():
            return f"({', '.join(map(_shown, value))})"
        case str() if len(value) > _LONG:
            return repr(f"{value[:_LONG]}...")
        case _:
            return getattr(value, "__name__", None) or repr(value)

"""What the consumer gets to see of an attempt, by `on_break` mode. Events in, the events to show out.

raise, restart, truncate   live, once the answer has shown a sign of life (and the hold-back window is over)
hold                       nothing until the attempt has finished
resume                     text live; thinking and tool calls whole; an answer that goes on is joined to what was shown
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from holdfast.events import (
    Event,
    Finish,
    PartAdded,
    ResponseStart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageUpdate,
)
from holdfast.recovery.join import Joiner
from holdfast.response import Fold, Response
from holdfast.usage import Usage

OnBreak: TypeAlias = Literal["raise", "restart", "resume", "hold", "truncate"]

_CHARACTERS_PER_TOKEN = 4


class HoldBack(Struct, frozen=True, kw_only=True, gc=False):
    """How much of an answer is kept back until it has proved alive: `tokens` (about), or `seconds` from its first
    event, whichever is reached first.
    """

    tokens: int | None = None
    seconds: float | None = None


def useful(event: Event) -> bool:
    """Whether a consumer can use this event: words, thinking, a tool call, a part. Anything else is no progress."""
    match event:
        case TextDelta() | ThinkingDelta():
            return bool(event.text)
        case ToolCallStart() | ToolCallDelta() | PartAdded() | Finish():
            return True
        case _:
            return False


class LiveScreen:
    """Shows everything, from the first useful event on.

    An attempt's events go through `feed` and, before the last of them, `end`; then `response` is judged, and `finish`
    shows what is left.
    """

    def __init__(self, hold_back: HoldBack | None = None) -> None:
        self._fold = Fold()
        self._held: list[Event] = []
        self._size = 0
        self._window = hold_back
        self._open = False
        self.alive = False

    @property
    def holding(self) -> bool:
        """Whether something useful waits for the end of the hold-back window."""
        return self.alive and not self._open

    @property
    def shown(self) -> bool:
        """Whether the consumer has seen anything of this answer."""
        return self._open

    def feed(self, event: Event) -> Sequence[Event]:
        """The events to show now."""
        self._fold.add(event)
        return (event,) if self._open else self._hold([event])

    def _hold(self, events: list[Event]) -> list[Event]:
        self._held.extend(events)
        self._size += sum(map(_size, events))
        self.alive = self.alive or any(map(useful, events))
        return self.release() if self.alive and self._window_passed() else []

    def _window_passed(self) -> bool:
        window = self._window
        if window is None:
            return True
        return window.tokens is not None and self._size >= window.tokens * _CHARACTERS_PER_TOKEN

    def release(self) -> list[Event]:
        """End the hold-back window: the events that it kept."""
        self._open = True
        held, self._held = self._held, []
        return held

    def end(self) -> None:
        """No more comes but the `Finish`."""

    def response(self, finish: Finish | None = None) -> Response:
        """What has come, shown or held; with `finish`, as it would be in the end."""
        return self._fold.response(finish)

    def finish(self, event: Finish) -> list[Event]:
        """The last events to show, `event` included."""
        return [*self.release(), event]


class HoldScreen(LiveScreen):
    """Shows nothing before the end."""

    def _window_passed(self) -> bool:
        return False


class ResumeScreen(LiveScreen):
    """Shows words at once, thinking and tool calls whole, and what goes on an earlier answer joined to it.

    `earlier` is the screen of the attempt before, when the consumer has seen something of it.
    """

    def __init__(self, hold_back: HoldBack | None = None, *, earlier: ResumeScreen | None = None) -> None:
        super().__init__(hold_back)
        self._visible: Fold = earlier._visible if earlier else Fold()  # noqa: SLF001  # its own kind
        self._visible.add(UsageUpdate(Usage()))  # what was shown is carried over, what it cost is booked already
        self.text_part: int = earlier.text_part if earlier else 0
        self._places: dict[int, int] = {}
        self._speaks = False
        self.prefix = self._visible.response().text
        self._joiner = Joiner(self.prefix)
        self._thinking: list[Event] = []
        self._whole: list[Event] = []

    @property
    def shown(self) -> bool:
        """Whether the consumer has seen anything of this answer, by this attempt or an earlier one."""
        return self._open or bool(self.prefix)

    def feed(self, event: Event) -> Sequence[Event]:
        """The events to show now; raises `Unjoinable` when they cannot continue what was shown."""
        show = self._visible_now(event)
        if not self._open:
            return self._hold(show) if show else ()
        for shown in show:
            self._visible.add(shown)
        return show

    def end(self) -> None:
        """No more comes but the `Finish`; raises `Unjoinable`."""
        rest = self._joiner.close()
        last: list[Event] = [TextDelta(rest, self.text_part)] if rest else []
        self._held += [*last, *self._thinking, *self._whole]
        self._thinking, self._whole = [], []

    def release(self) -> list[Event]:
        """End the hold-back window: the events that it kept."""
        held = super().release()
        for event in held:
            self._visible.add(event)
        return held

    def response(self, finish: Finish | None = None) -> Response:
        """What has come: what was shown, and what is held, joined as far as it can be."""
        fold = self._visible.copy()
        for event in (*self._held, *self._thinking, *self._whole):
            fold.add(event)
        return fold.response(finish)

    def _visible_now(self, event: Event) -> list[Event]:
        match event:
            case TextDelta():
                return self._words(event)
            case ThinkingDelta():
                if self._speaks or not self.prefix:  # else it was shown before the prefix was
                    self._thinking.append(self._placed(event))
                return []
            case ResponseStart():
                if self.prefix:
                    self._joiner = Joiner(self.prefix, native=event.continues)
                    return []
                return [event]
            case UsageUpdate():
                return [event]
            case ToolCallStart() | ToolCallDelta() | PartAdded():
                self._whole.append(self._placed(event))
                return []
            case _:
                return []

    def _words(self, event: TextDelta) -> list[Event]:
        if not self._speaks:
            self._speaks = True
            if self.prefix:  # the first text goes on the last one shown
                self._places[event.part] = self.text_part
        text = self._joiner.feed(event.text)
        if not text and event.text:
            return []
        placed = self._placed(replace(event, text=text))
        whole: list[Event] = []
        if text:
            whole, self._thinking = self._thinking, []
            self.text_part = placed.part
        return [*whole, placed]

    def _placed(self, event: _Delta) -> _Delta:
        """The event with its part where it stands in the joined answer: after the one that was shown last."""
        if not self.prefix:
            return event
        place = self._places.setdefault(event.part, self.text_part + len(self._places) + 1)
        return replace(event, part=place)


_Delta = TypeVar("_Delta", bound=TextDelta | ThinkingDelta | ToolCallStart | ToolCallDelta | PartAdded)


def _size(event: Event) -> int:
    match event:
        case TextDelta() | ThinkingDelta():
            return len(event.text)
        case ToolCallDelta():
            return len(event.arguments)
        case _:
            return 0

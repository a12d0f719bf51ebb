"""Joining a new answer to the beginning that was already shown, on evidence only.

The model was asked to go on from the end of the shown text (`prefix`). What comes may repeat the last words, or the
last sentence, or start over from the beginning, perhaps after an apology, perhaps with other white space and
punctuation. The joiner finds where the repetition ends and lets out only what is new:

- Letters and digits are compared, case folded; everything else may differ.
- The answer starts over and repeats the *whole* prefix: always joined (shown + rest is that answer, whole).
- It starts with the *end* of the prefix: joined if that end is long enough to be no accident, and the only one.
- It repeats a long, unique end of the prefix a little later (after an apology): joined there.
- Anything else is no continuation: `Unjoinable`. Only where the wire itself continues a prefix (`native`) is a text
  taken as it comes, unless it starts over.

Every text is looked at once; the buffer is bounded by the prefix and `PREAMBLE` characters more.
"""

from __future__ import annotations

from typing import Final

ACCIDENT: Final = 12
"""Letters that the end of the prefix and the new beginning must share, at least, to be taken for a repetition."""
TAIL: Final = 24
"""Letters of the end of the prefix that are searched for after a preamble."""
PREAMBLE: Final = 400
"""Characters of preamble, at most."""


class Unjoinable(Exception):  # noqa: N818  # a finding, not a failure: it never leaves the package
    """The new text does not continue the old one."""


class Joiner:
    """Feed it the new text; it gives back what the consumer has not seen yet."""

    def __init__(self, prefix: str, *, native: bool = False) -> None:
        self._native = native
        self._old, _ = _letters(prefix)
        self._gap = prefix[_last_letter(prefix) + 1 :]
        self._patience = len(prefix) + PREAMBLE
        self._tail = None if native else _unique_tail(self._old)
        self._raw: list[str] = []
        self._size = 0
        self._ends: list[int] = []  # where in the new text each of its letters ends
        self._head = ""  # its first letters, until there are enough to look for
        self._starts: list[int] | None = None  # where in the prefix a repetition may have begun
        self._recent = ""  # its last letters, in which the tail of the prefix is searched
        self._tail_end: int | None = None
        self.joined = not prefix

    @property
    def held(self) -> str:
        """The new text that is still held back."""
        return "".join(self._raw)

    def feed(self, text: str) -> str:
        """The part of `text`, and of what was held, that is new. Raises `Unjoinable`."""
        if self.joined:
            return text
        letters, positions = _letters(text)
        self._ends.extend(self._size + position + 1 for position in positions)
        self._raw.append(text)
        self._size += len(text)
        self._compare(letters)
        self._search(letters)
        return self._decide(final=False)

    def close(self) -> str:
        """The last of the new text, when no more comes. Raises `Unjoinable`."""
        if self.joined:
            return ""
        if self._starts is None:
            self._starts = self._beginnings(self._head) if self._head else []
        return self._decide(final=True)

    def _compare(self, letters: str) -> None:
        """Keep those places of the prefix from which on the new letters repeat it."""
        if self._starts is None:
            self._head += letters
            if len(self._head) >= min(ACCIDENT, len(self._old)):
                head, rest = self._head[:ACCIDENT], self._head[ACCIDENT:]
                self._starts = _agreeing(self._beginnings(head), self._old, rest, len(head))
        elif self._starts:
            self._starts = _agreeing(self._starts, self._old, letters, len(self._ends) - len(letters))

    def _beginnings(self, head: str) -> list[int]:
        starts = _occurrences(self._old, head)
        # A native continuation may rightly say again what was said (a refrain): only starting over is a repetition.
        return starts if not self._native else [0] if starts == [0] else []

    def _search(self, letters: str) -> None:
        """Look for the tail of the prefix, wherever it stands in the new text."""
        if self._tail is None or self._tail_end is not None:
            return
        window = self._recent + letters
        found = window.find(self._tail)
        if found >= 0:
            self._tail_end = len(self._ends) - len(window) + found + len(self._tail)
        self._recent = window[-len(self._tail) :]

    def _decide(self, *, final: bool) -> str:
        # With white space or punctuation at the end of the prefix, what follows it is needed to trim it.
        seen = len(self._ends) if final or not self._gap else len(self._ends) - 1
        if self._starts:
            ended = [start for start in self._starts if len(self._old) - start <= seen]
            if len(ended) < len(self._starts) and not final:
                return ""  # something still agrees: wait for more
            if (end := self._repeated(ended)) is not None:
                return self._join(end)
            if ended and not self._native:
                raise Unjoinable
        if self._native and (final or self._starts is not None):
            return self._join(0)
        if self._tail_end is not None and self._tail_end <= seen:
            return self._join(self._tail_end)
        if final or self._size > self._patience:
            raise Unjoinable
        return ""

    def _repeated(self, ended: list[int]) -> int | None:
        """How many letters are repeated. Two ends that both fit, or one too short, prove nothing.

        Nor does one that is the beginning too: the answer may have started over and then changed its mind.
        """
        old = self._old
        if 0 in ended:
            return len(old)
        long = [start for start in ended if len(old) - start >= ACCIDENT]
        if len(long) != 1 or old.startswith(old[long[0] :]):
            return None
        return len(old) - long[0]

    def _join(self, letters: int) -> str:
        """Let go of what comes after the repeated letters, without the punctuation that was shown already."""
        self.joined = True
        rest = "".join(self._raw)[self._ends[letters - 1] if letters else 0 :]
        self._raw, self._ends = [], []
        return _trim(self._gap, rest) if letters else rest


def _letters(text: str) -> tuple[str, list[int]]:
    """The letters and digits of a text, case folded one by one, and where each stands."""
    positions = [index for index, character in enumerate(text) if character.isalnum()]
    return "".join(text[index].lower()[0] for index in positions), positions


def _last_letter(text: str) -> int:
    return next((index for index in range(len(text) - 1, -1, -1) if text[index].isalnum()), -1)


def _unique_tail(old: str) -> str | None:
    """The shortest end of at least `TAIL` letters that stands nowhere else in the prefix; a short prefix as a whole."""
    if len(old) < ACCIDENT:
        return None
    for length in range(min(TAIL, len(old)), len(old) + 1):
        if old.find(old[-length:]) == len(old) - length:
            return old[-length:]
    return old


def _occurrences(old: str, beginning: str) -> list[int]:
    """Where in `old` the new beginning stands; an `old` that is shorter must be its beginning."""
    if len(old) < len(beginning):
        return [0] if beginning.startswith(old) else []
    starts = []
    start = old.find(beginning)
    while start >= 0:
        starts.append(start)
        start = old.find(beginning, start + 1)
    return starts


def _agreeing(starts: list[int], old: str, letters: str, before: int) -> list[int]:
    """Those starts from which `old` goes on with `letters` (as far as it goes), `before` letters having agreed."""
    return [start for start in starts if letters.startswith(old[start + before : start + before + len(letters)])]


def _trim(gap: str, rest: str) -> str:
    """`rest` without the white space and punctuation at its head that `gap`, the end of what was shown, has already."""
    head = rest[: next((index for index, character in enumerate(rest) if character.isalnum()), len(rest))]
    for length in range(min(len(gap), len(head)), 0, -1):
        if gap.endswith(head[:length]):
            return rest[length:]
    if not gap or not head:
        return rest
    if gap[-1].isspace():
        return rest.lstrip()
    blank = len(head.rstrip())
    return head[blank:] + rest[len(head) :] if head[:blank] else rest

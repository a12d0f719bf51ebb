"""A rule names one failure by what may prove it; a table tries its rules in the order of how much each proof is worth.

    1. codes       a code or type that means one thing only
    2. test        structured details and numbers, asked by a function
    3. phrases     words that mean one thing only, where a provider sends a general code, or none
    4. phrases     the same, and pairs, in the words of a code that no rule knows ("model_quota_exhausted")
    5. types       a general code or type, such as "rate_limit_error", or the name of a client's exception
    6. pairs       two words near each other that together often mean it; where the status leaves open what is wrong
    7. vague       a code or type that says no more than "your request is at fault", such as "invalid_request_error"
    8. hints       single words that often mean it; where the status says no more than "client" or "server error"
    9. statuses    the HTTP status alone

Within a step the first rule in the table wins. What steps 6, 8 and 9 find is marked as not certain, unless the status
itself says it all (401, 529).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Final, TypeAlias

from msgspec import Struct

from holdfast.errors import ModelError, Scope
from holdfast.providers.failures.evidence import Evidence
from holdfast.providers.failures.phrases import Pair, Phrasebook
from holdfast.providers.failures.words import Words, spelled_out, words_of


class Rule(Struct, frozen=True, kw_only=True):
    """One way in which a failure shows, and its name.

    - `name`: unique; `ModelError.rule` carries it. `source`: where the provider says so.
    - `codes`, `test`, `phrases`, `types`, `pairs`, `vague`, `hints`, `statuses`: what proves it, see the module.
    - `asks`: words, codes, names or fields, one of which must be there for the `test` to be asked; none: always.
    - `at`: only with these HTTP statuses (or when none is known). `not_at`: never with these.
    - `providers`: only at these endpoints: for numbers that mean something else elsewhere.
    - `sure`: whether a hint or a bare status is proof enough.
    - `quota`, `scope`, `phase`: facts that the error gets from the rule.
    - `retry_same`: whether the same request may pass later, where that differs from what the class says.
    - `meaning`, `advice`: for people; in place of the words of the class.
    """

    name: str
    error: type[ModelError]
    source: str
    codes: tuple[str, ...] = ()
    test: Callable[[Evidence], bool] | None = None
    asks: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()
    vague: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    at: tuple[int, ...] = ()
    not_at: tuple[int, ...] = ()
    providers: tuple[str, ...] = ()
    sure: bool = False
    quota: str | None = None
    scope: Scope | None = None
    phase: str | None = None
    retry_same: bool | None = None
    meaning: str = ""
    advice: str = ""

    def holds_for(self, evidence: Evidence) -> bool:
        """Whether the rule may be asked at all about this evidence."""
        status = evidence.status
        return (
            (not self.at or status is None or status in self.at)
            and status not in self.not_at
            and (not self.providers or evidence.provider in self.providers)
        )


class Match(Struct, frozen=True):
    """The rule that named a failure, and what proved it: a step (`"code"`, `"phrase"`, ...) and the proof itself."""

    rule: Rule
    step: str
    proof: str


_VAGUE: Final = frozenset((None, 200, 400, 422, 500))  # statuses that leave open what is wrong
_TELLING: Final = frozenset((401, 402, 408, 413, 414, 429, 431, 499))
# Those of which the words may know better, among them the numbers that gateways make up.
_OPEN: Final = _VAGUE | (frozenset(range(400, 500)) - _TELLING)


class Table:
    """Rules, most telling first, indexed so that a question costs about the same however many there are."""

    def __init__(self, *groups: Iterable[Rule]) -> None:
        self.rules = tuple({rule.name: rule for group in groups for rule in group}.values())
        self._codes = _by_key((code.lower(), rule) for rule in self.rules for code in rule.codes)
        self._types = _by_key((code.lower(), rule) for rule in self.rules for code in rule.types)
        self._vague = _by_key((code.lower(), rule) for rule in self.rules for code in rule.vague)
        self._names = _by_key((code.lower(), rule) for rule in self.rules for code in (*rule.codes, *rule.types))
        self._statuses = _by_key((status, rule) for rule in self.rules for status in rule.statuses)
        self._tests = [rule for rule in self.rules if rule.test is not None]
        self._always = [rule for rule in self._tests if not rule.asks]
        self._asks = frozenset(sign for rule in self.rules for sign in rule.asks)
        self._pairs = [(rule, pair) for rule in self.rules for pair in rule.pairs]

    # The phrases are indexed when the first failure comes: most programs that load a codec never see one.

    @cached_property
    def _phrases(self) -> Phrasebook[Rule]:
        return Phrasebook((phrase, rule) for rule in self.rules for phrase in rule.phrases)

    @cached_property
    def _scoped(self) -> Phrasebook[Rule]:
        return Phrasebook((phrase, rule) for rule in self.rules if rule.scope for phrase in rule.phrases)

    @cached_property
    def _hints(self) -> Phrasebook[Rule]:
        return Phrasebook((phrase, rule) for rule in self.rules for phrase in rule.hints)

    def match(self, evidence: Evidence) -> Match | None:
        """The rule that names this failure, or None when not even the status is known."""
        return (
            _keyed(self._codes, evidence.codes, evidence, "code")
            or self._tested(evidence)
            or _spoken(self._phrases, evidence.words, evidence, "phrase")
            or self._spelled(evidence)
            or _keyed(self._types, evidence.codes, evidence, "type")
            or _keyed(self._names, evidence.names, evidence, "name")
            or self._paired(evidence)
            or _keyed(self._vague, (*evidence.codes, *evidence.names), evidence, "type")
            or self._hinted(evidence)
            or _keyed(self._statuses, (evidence.status,), evidence, "status")
        )

    def scope(self, evidence: Evidence) -> Scope | None:
        """What the words say about the scope of a content filter, whatever rule named it."""
        match = _spoken(self._scoped, evidence.words, evidence, "phrase")
        return None if match is None else match.rule.scope

    def _spelled(self, evidence: Evidence) -> Match | None:
        """What the words in codes say that no rule knows."""
        unknown = [
            code
            for code in evidence.codes
            if code not in self._names and code not in self._vague and not code.isdigit()
        ]
        if not unknown:
            return None
        words = words_of(" , ".join(spelled_out(evidence.codes[code]) for code in unknown))
        return _spoken(self._phrases, words, evidence, "phrase") or self._pair_in(words, evidence)

    def _paired(self, evidence: Evidence) -> Match | None:
        return self._pair_in(evidence.words, evidence) or self._pair_in(evidence.named, evidence)

    def _pair_in(self, words: Words, evidence: Evidence) -> Match | None:
        if evidence.status not in _OPEN:
            return None
        for rule, pair in self._pairs:
            if (proof := pair.within(words)) is not None and rule.holds_for(evidence):
                return Match(rule, "pair", proof)
        return None

    def _hinted(self, evidence: Evidence) -> Match | None:
        if evidence.status not in _VAGUE:
            return None
        said, named = evidence.words, evidence.named
        return _spoken(self._hints, said, evidence, "hint") or _spoken(self._hints, named, evidence, "hint")

    def _tested(self, evidence: Evidence) -> Match | None:
        asks = self._asks
        if (
            asks.isdisjoint(evidence.words.words)
            and asks.isdisjoint(evidence.codes)
            and asks.isdisjoint(evidence.names)
            and asks.isdisjoint(evidence.details)
        ):
            return _passed(self._always, evidence)
        seen = asks.intersection((*evidence.words.words, *evidence.codes, *evidence.names, *evidence.details))
        return _passed([rule for rule in self._tests if not rule.asks or not seen.isdisjoint(rule.asks)], evidence)


def _passed(rules: Iterable[Rule], evidence: Evidence) -> Match | None:
    for rule in rules:
        if rule.test is not None and rule.test(evidence) and rule.holds_for(evidence):
            return Match(rule, "details", "numbers or fields in the body")
    return None


_Keyed: TypeAlias = dict[Any, list[tuple[int, Rule]]]


def _by_key(rules: Iterable[tuple[str | int, Rule]]) -> _Keyed:
    """Rules by what proves them, with their place in the table."""
    index: _Keyed = {}
    for place, (key, rule) in enumerate(rules):
        index.setdefault(key, []).append((place, rule))
    return index


def _keyed(index: _Keyed, keys: Iterable[str | int | None], evidence: Evidence, step: str) -> Match | None:
    first: tuple[int, Rule, Any] | None = None
    for key in keys:
        if key in index:
            for place, rule in index[key]:
                if (first is None or place < first[0]) and rule.holds_for(evidence):
                    first = (place, rule, key)
    return None if first is None else Match(first[1], step, str(first[2]))


def _spoken(book: Phrasebook[Rule], words: Words, evidence: Evidence, step: str) -> Match | None:
    found = book.first(words, lambda rule: rule.holds_for(evidence))
    return None if found is None else Match(found[1], step, found[0])

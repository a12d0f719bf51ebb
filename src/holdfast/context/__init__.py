"""Counting, fitting and compacting conversations. Nothing here sends, sleeps or reads a clock.

    Counter, Count          how many tokens a request has
    Windows, Window         how many a model holds
    Conversation            a log that always fits; `Thresholds` say when it is cut, `STRATEGIES` how
    compact, Compaction     a summary in the place of what is old
    ResultLimits, Pages     limits on tool results, and reading on in what was cut
    repair                  what to send after a refusal
    mend, interrupted       calls and results matched again
    Recent                  conversations found by their beginning, for callers who send the whole list each time

How it is done, and what was measured, stands in `docs/context.md`.
"""

from holdfast.context.books import Recent
from holdfast.context.compact import Compaction, compact, prepare
from holdfast.context.conversation import Conversation
from holdfast.context.count import Count, Counter
from holdfast.context.fit import fit
from holdfast.context.limits import ResultLimits, limit_results, result_limits
from holdfast.context.mend import interrupted, mend
from holdfast.context.overflow import repair
from holdfast.context.paging import READ_MORE, Pages
from holdfast.context.strategies import STRATEGIES
from holdfast.context.thresholds import Thresholds
from holdfast.context.view import Summary
from holdfast.context.windows import Window, Windows

__all__ = [
    "READ_MORE",
    "STRATEGIES",
    "Compaction",
    "Conversation",
    "Count",
    "Counter",
    "Pages",
    "Recent",
    "ResultLimits",
    "Summary",
    "Thresholds",
    "Window",
    "Windows",
    "compact",
    "fit",
    "interrupted",
    "limit_results",
    "mend",
    "prepare",
    "repair",
    "result_limits",
]

"""Layers: models that wrap a model and hold a resource around each call.

    rate_limit    starts calls no faster than the server accepts them     concurrency   bounds the calls under way
    hedge         asks a second model when the first is silent            cache         answers the same request once
    trace         tells OpenTelemetry                                     faults        breaks calls on purpose

A layer is a function from a model to a model, `Client(..., layers=[...])` puts it around every model. What one
layer shares between models (a queue, a cache, a share) lives in the layer, in one event loop at a time. What is slow
to import, or needs an extra, is imported when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from holdfast.runtime.layers.cache import MemoryStore, Store, cache
from holdfast.runtime.layers.concurrency import concurrency
from holdfast.runtime.layers.faults import Fault, faults
from holdfast.runtime.layers.hedge import hedge
from holdfast.runtime.layers.rate_limit import rate_limit
from holdfast.runtime.layers.trace import trace

if TYPE_CHECKING:
    from holdfast.runtime.layers.stores import DiskStore, RedisStore

__all__ = [
    "DiskStore",
    "Fault",
    "MemoryStore",
    "RedisStore",
    "Store",
    "cache",
    "concurrency",
    "faults",
    "hedge",
    "rate_limit",
    "trace",
]


def __getattr__(name: str) -> Any:
    if name in ("DiskStore", "RedisStore"):
        return getattr(import_module("holdfast.runtime.layers.stores"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

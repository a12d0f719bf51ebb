"""What tests of code that calls models need: a clock they own, a model that plays scripts, conformance checks."""

from holdfast.testing.check import check_events, check_model
from holdfast.testing.check_codec import CodecCase, check_codec
from holdfast.testing.fake_clock import FakeClock
from holdfast.testing.scripted import Pause, ScriptedModel, ScriptExhaustedError

__all__ = [
    "CodecCase",
    "FakeClock",
    "Pause",
    "ScriptExhaustedError",
    "ScriptedModel",
    "check_codec",
    "check_events",
    "check_model",
]

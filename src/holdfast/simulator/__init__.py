"""A provider that fails on purpose: real HTTP on loopback, the real wires, seeded faults."""

from __future__ import annotations

from holdfast.simulator.answers import expected_answer
from holdfast.simulator.background import SimulatorThread, ensure_simulator, local_url, start_in_thread
from holdfast.simulator.faults import vocabulary
from holdfast.simulator.reading import load, parse, scenario_from
from holdfast.simulator.reception import Received
from holdfast.simulator.scenario import Rule, Scenario, SimulatedModel, When, Window
from holdfast.simulator.server import Simulator

__all__ = [
    "Received",
    "Rule",
    "Scenario",
    "SimulatedModel",
    "Simulator",
    "SimulatorThread",
    "When",
    "Window",
    "ensure_simulator",
    "expected_answer",
    "load",
    "local_url",
    "parse",
    "scenario_from",
    "start_in_thread",
    "vocabulary",
]

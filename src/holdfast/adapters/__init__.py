"""Holdfast under the agents that people already have. Each module imports its framework, and none is imported here."""

"""Layers: models that wrap a model and hold a resource around each call."""

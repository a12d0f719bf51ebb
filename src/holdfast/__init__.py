"""Calls to language models that always end well."""

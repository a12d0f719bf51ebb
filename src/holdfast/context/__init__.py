"""Counting, fitting and compacting conversations. Nothing here sends, sleeps or reads a clock."""

"""Providers as sans-IO codecs: bytes in, values out, and the other way round. Nothing here opens a connection."""

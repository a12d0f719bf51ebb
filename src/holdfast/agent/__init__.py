"""A small agent: a bounded tool loop over a client."""

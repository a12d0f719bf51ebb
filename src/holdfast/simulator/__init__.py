"""A provider that fails on purpose: real HTTP on loopback, the real wires, seeded faults."""

"""QuantGraph -> files. Never imports simulate: parity compares two derivations."""

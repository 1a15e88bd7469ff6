"""Definitions compiled to an immutable forward-chaining network."""

"""Lint: configurations that load and yet do not mean what their authors think they mean."""

"""Runs the machines on one computer: group commit, timers, delivery, reload."""

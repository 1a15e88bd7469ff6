"""SQLite: schema and migrations, event log, state, timers, outbox, reading."""

"""The figures behind decisions: shaped here, counted by the store."""

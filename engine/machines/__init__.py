"""The three pure state machines, lead, team and directory, and the turn that joins them."""

"""What salespeople do to leads: owned, claimed, recycled, followed up; to-dos and notes."""

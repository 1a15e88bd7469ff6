"""Templates of messages: filled in by processes of their own, bounded, and checked before."""

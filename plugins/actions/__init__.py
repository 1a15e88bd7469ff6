"""Built-in actions, one file each."""

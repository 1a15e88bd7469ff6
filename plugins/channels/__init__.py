"""Built-in channels, one file each."""

"""One module for each kind of file: its YAML, found good in structure, to definitions."""

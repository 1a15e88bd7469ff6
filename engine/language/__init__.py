"""YAML in, typed definitions or diagnostics out. Pure but for reading the files it is given."""

"""The checks, a module each: its docstring is the page that people read, its name the code."""

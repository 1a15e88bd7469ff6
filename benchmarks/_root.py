"""For programs that are run as `python benchmarks/NAME.py`: what `import` finds, and where.

The engine, where leadrules is not installed; and http, which is Python's, not http.py here.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.append(sys.path.pop(0))  # this folder, behind the standard library
if find_spec("engine") is None:
    sys.path.append(str(Path(__file__).parents[1]))

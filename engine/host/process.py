"""How this process takes turns and looks for garbage, where it does nothing but serve."""

from __future__ import annotations

import gc
import sys
from typing import Final

# SQLite lets go of the interpreter at every statement, and the writer waits this long to get it
# back from a busy event loop. Python's own 5 ms keep a batch of many statements waiting; at 0.2 ms
# the two take turns so often that a twentieth of the time goes into that.
_SWITCH_S: Final = 0.001
# Objects made before the collector looks at the young ones; Python's own 700 suits small programs.
_YOUNG: Final = 10_000


def settle() -> None:
    """Tune this process for serving; call it once all is loaded.

    What is loaded stays, so the collector need not look through it again and again: with
    100,000 objects that is a pause of a tenth of a second, in the middle of somebody's request.
    """
    sys.setswitchinterval(_SWITCH_S)
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
    gc.collect()
    gc.freeze()

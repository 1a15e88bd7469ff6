"""What the codes in a mail server's words say of an address (RFC 5321, RFC 3463)."""

from __future__ import annotations

import re
from typing import Final

_ENHANCED: Final = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_CODE: Final = re.compile(r"(?<![\d.])([45])\d\d(?![\d.])")
# A full mailbox, a message too large, its content, or a policy. The address is good.
_NOT_THE_ADDRESS: Final = frozenset({(2, 2), (2, 3), (3, 4)})
_NOT_THE_ADDRESS_AT_ALL: Final = frozenset({6, 7})


def is_hard(*said: str) -> bool:
    """Whether an address is no good, by the most telling of the codes in what was said."""
    codes = [tuple(map(int, m.groups())) for text in said for m in _ENHANCED.finditer(text)]
    telling = next((code for code in codes if code[1:] != (0, 0)), None)
    if telling is None:
        plain = next((m[1] for text in said for m in _CODE.finditer(text)), "")
        return codes[0][0] == 5 if codes else plain == "5"
    known = telling[1] in _NOT_THE_ADDRESS_AT_ALL or telling[1:] in _NOT_THE_ADDRESS
    return telling[0] == 5 and not known

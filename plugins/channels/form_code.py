"""QR codes (二维码) of forms: the address of the page, with where it hangs."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlencode

import segno

MAX_ADDRESS: Final = 1_000
# Print wants a picture of its own size; a file for a poster must not be made by strangers.
_PIXELS: Final = 10


def address(url: str, form: str, query: Iterable[tuple[str, str]]) -> str:
    """Return the page's address with what a code says of its place; raises ValueError if long."""
    told = urlencode([*query])
    made = f"{url.rstrip('/')}/channels/form/{form}" + (f"?{told}" if told else "")
    if len(made) > MAX_ADDRESS:
        raise ValueError(f"the address has more than {MAX_ADDRESS} characters")
    return made


def picture(target: str, kind: str) -> bytes:
    """Return the code as ``svg`` or ``png``, readable with a quarter of it dirty (level Q)."""
    out = io.BytesIO()
    # segno takes micro codes where they fit, which many telephones cannot read.
    segno.make(target, error="q", micro=False).save(out, kind=kind, scale=_PIXELS, border=4)
    return out.getvalue()

"""The JSON Schemas of all kinds of files, draft-07 and without ``oneOf``.

``base`` is the structure alone, which the loader checks before it looks at any meaning;
``specialised`` knows one configuration's names besides, for editors.
"""

from __future__ import annotations

from engine.language.schemas.assembly import KINDS, base, specialised

__all__ = ["KINDS", "base", "specialised"]

"""``intake.yaml``."""

from __future__ import annotations

from engine.language.catalogue import IDENTITIES
from engine.language.schemas.forms import Schema, choice, listing, record


def structure() -> Schema:
    """Return the keys of the file."""
    keys = listing(choice(IDENTITIES), "Fields that name a lead, strongest first.", 1)
    return {
        "title": "Identity keys",
        "properties": {
            "identity": record(
                {"keys": {**keys, "uniqueItems": True}}, description="How leads are told apart."
            )
        },
    }

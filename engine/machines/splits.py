"""Which way of a split a lead goes: by its hash, so that the same lead always goes the same."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from engine.language.handling import Split

HOLDOUT: Final = "holdout"  # what those are called that get no variant


class Dealt(msgspec.Struct, frozen=True):
    """The variant, where it leads, and how it was found: weight, kept, winner or holdout."""

    variant: str
    next: str
    how: str


def deal(split: Split, seed: tuple[str, str, str], kept: str | None, winner: str | None) -> Dealt:
    """Return the way of a lead; ``seed`` is (lead, journey, step).

    ``kept`` is what the lead got before, ``winner`` what has been decided meanwhile. Who was
    held out stays so; a person's choice goes before a decision by figures.
    """
    place = _place(*seed)
    if (place < split.holdout or kept == HOLDOUT) and split.holdout:
        return Dealt(HOLDOUT, split.spared, HOLDOUT)
    ways = {each.name: each.next for each in split.variants}
    for name, how in ((split.winner, "winner"), (winner, "winner"), (kept, "kept")):
        if name in ways:
            return Dealt(name, ways[name], how)
    name = _by_weight(split, (place - split.holdout) / (1 - split.holdout))
    return Dealt(name, ways[name], "weight")


def _by_weight(split: Split, place: float) -> str:
    left = place * sum(each.weight for each in split.variants)
    *others, last = split.variants
    for each in others:
        left -= each.weight
        if left < 0:
            return each.name
    return last.name


def _place(*names: str) -> float:
    """Return a number in [0, 1) that is always the same for the same names, and evenly spread."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return int.from_bytes(digest[:6], "big") / (1 << 48)  # 48 bits: exact in a float

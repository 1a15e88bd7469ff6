"""The directory machine: which lead do these identities mean?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

Identity = tuple[str, str]  # kind, value


class Resolution(msgspec.Struct, frozen=True):
    """The lead that identities mean.

    ``links`` are identities to be linked to it; ``conflicts`` are other leads to which
    some of the identities belong, and which stay as they are.
    """

    lead: str
    created: bool
    links: tuple[Identity, ...]
    conflicts: tuple[str, ...]


def resolve(
    known: Mapping[Identity, str], identities: Sequence[Identity], new_id: str
) -> Resolution:
    """Return the lead of the strongest known identity, or ``new_id`` when none is known.

    ``identities`` come strongest first.
    """
    owners = [known[i] for i in identities if i in known]
    lead = owners[0] if owners else new_id
    return Resolution(
        lead,
        not owners,
        tuple(i for i in identities if i not in known),
        tuple(dict.fromkeys(o for o in owners if o != lead)),
    )

"""What deliveries are about: a lead, or with a digest the notes that it carries, as one text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.host.rendering import Rendered
from engine.machines.state import Lead
from engine.store.digests import KIND, Carried
from engine.store.outbox import Leased
from engine.store.reading import Reader

_TITLE: Final = "您的 {n} 条提醒 / your notices: {n}"
About = Lead | list[Carried] | None


def read(reader: Reader, picked: Sequence[Leased]) -> dict[str, About]:
    """Return what each delivery is about, by key; None where the lead is gone. Blocks."""
    leads = reader.states([each.lead for each in picked if each.kind != KIND])
    carried = reader.inbox().carried([each.key for each in picked if each.kind == KIND])
    return {each.key: carried.get(each.key, leads.get(each.lead)) for each in picked}


def written(notes: Sequence[Carried]) -> Rendered:
    """Return a digest as its connection gets it: in the form of a note, with a line for each."""
    title = _TITLE.format(n=len(notes))
    lines = [f"{number}. {_line(note)}" for number, note in enumerate(notes, 1)]
    text = "\n".join([title, *lines])
    return Rendered(title, text, params={"what": KIND, "title": title, "text": text})


def _line(note: Carried) -> str:
    who = " ".join(each for each in (note.name, note.company) if each)
    return f"{note.title}: {who}" if who else note.title

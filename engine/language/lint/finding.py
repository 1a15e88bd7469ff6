"""What a check gives: a finding, and the edits that would mend it where that is safe."""

from __future__ import annotations

import msgspec

from engine.language.diagnostic import Diagnostic, Severity, Source


class Edit(msgspec.Struct, frozen=True):
    """Replace what stands at ``span`` by ``text``."""

    span: Source
    text: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a check has to say.

    ``edits`` mend it without changing what happens to any lead; none where only a person
    can tell what was meant. ``severity`` is the check's own unless it is given here.
    """

    message: str
    source: Source
    hint: str
    rule: str | None = None
    edits: tuple[Edit, ...] = ()
    severity: Severity | None = None


class Found(msgspec.Struct, frozen=True):
    """A finding with its check's code and severity, ready to be shown."""

    diagnostic: Diagnostic
    edits: tuple[Edit, ...] = ()

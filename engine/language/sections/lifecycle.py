"""``lifecycle.yaml``: the stages of the funnel, in order."""

from __future__ import annotations

from collections.abc import Sequence

from engine.language.rules import Lifecycle, Stage
from engine.language.sections.part import Builder, Part


class LifecycleBuilder(Builder):
    """Builds the lifecycle."""

    def build(self, parts: Sequence[Part]) -> Lifecycle:
        """Return the stages of all files in order."""
        stages = [p for whole in parts for p in whole.items("stages")]
        self.unique(stages, "stage")
        return Lifecycle(stages=tuple(self._stage(p) for p in stages))

    def _stage(self, part: Part) -> Stage:
        id = part.data["id"]
        events = self.events(part, id)
        for index, name in enumerate(part.get("from", ())):
            self.known(part.child("from").child(index), name, self.scope.stages, "stage", id)
        enter_from = part.get("from")
        return Stage(
            id=id,
            label=part.label(),
            enter_from=None if enter_from is None else tuple(enter_from),
            when=self.condition(part, "when", id, events),
            events=events,
            where=self.where(part, id, events),
            requires=tuple(part.get("requires", ())),
            final=part.get("final", False),
            source=part.source,
        )

"""The ``split`` of a step: variants, those spared, and when a winner is found."""

from __future__ import annotations

from typing import Final

from engine.language.handling import AutoWinner, Split, Variant
from engine.language.instants import parse_duration
from engine.language.sections.part import Builder, Part

# What a metric counts, by its short name; any event type may be one as well.
METRICS: Final = {
    "opened": ("email_opened", "email_clicked"),  # a click implies that it was opened
    "clicked": ("email_clicked",),
    "replied": ("sms_replied", "wecom_message_received"),
}
_OWN: Final = ("opened", "clicked")  # these say of which journey they are
_WITHIN: Final = "7d"


class SplitBuilder(Builder):
    """Reads ``split``."""

    def build(self, split: Part, journey: str, targets: list[str]) -> Split:
        """Return the split; ``targets`` are the steps it may lead to."""
        variants = [self._variant(each, journey, targets) for each in split.items("variants")]
        names = [each.name for each in variants]
        for name in {n for n in names if names.count(n) > 1}:
            text = f'the variant "{name}" stands here twice'
            self.error("duplicate-id", split.child("variants"), text, journey, "rename one of them")
        winner, holdout = split.get("winner"), split.child("holdout")
        if winner is not None:
            self.known(split.child("winner"), winner, names, "variant", journey)
        spared = holdout.get("next", "end")
        self.known(holdout.child("next"), spared, targets, "step", journey)
        return Split(
            variants=tuple(variants),
            holdout=holdout.get("share", 0.0),
            spared=spared,
            winner=winner,
            auto=self._auto(split.child("auto_winner"), journey),
        )

    def _variant(self, part: Part, journey: str, targets: list[str]) -> Variant:
        target = part.data["next"]
        self.known(part.child("next"), target, targets, "step", journey)
        # 1 and 1.0 are one version of a journey, also after it was kept on disk.
        weight = float(part.get("weight", 1))
        return Variant(name=part.data["name"], weight=weight, next=target)

    def _auto(self, part: Part, journey: str) -> AutoWinner | None:
        if part.data is None:
            return None
        metric = part.data["metric"]
        events = METRICS.get(metric)
        if events is None:
            known = [*METRICS, *self.scope.catalogue.events]
            self.known(part.child("metric"), metric, known, "metric", journey)
        return AutoWinner(
            metric=metric,
            events=events or (metric,),
            own=metric in _OWN,
            confidence=part.get("confidence", 0.95),
            sample=part.data["min_sample"],
            within=parse_duration(part.get("within", _WITHIN)),
        )

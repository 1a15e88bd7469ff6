"""Where a lead is done."""

from __future__ import annotations

from pathlib import Path

from engine.language.load import load_folder

CONFIG = Path(__file__).parents[2] / "config"


def test_the_ends_of_a_lifecycle_are_its_final_stages() -> None:
    """In their order; a stage that is not marked as final is none of them."""
    definitions = load_folder(CONFIG).definitions
    assert definitions is not None
    lifecycle = definitions.lifecycle
    final = [stage.id for stage in lifecycle.stages if stage.final]
    assert "won" in final
    assert lifecycle.ends == tuple(final)
    assert len(lifecycle.ends) < len(lifecycle.stages)

"""``python -m engine.cli`` is ``leadrules``."""

from engine.cli.main import main

main()

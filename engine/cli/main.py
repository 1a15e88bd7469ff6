"""The command ``leadrules``: finds the verb, runs it, and turns what happens into an exit code."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, Final

import click

from engine import __version__
from engine.cli.codes import CANNOT, DEFECT, DONE, INTERRUPTED
from engine.errors import LeadrulesError

# A verb's module is imported only when it is needed, so that each starts quickly.
VERBS: Final = {
    "init": "engine.cli.init",
    "validate": "engine.cli.validate",
    "lint": "engine.cli.lint",
    "test": "engine.cli.test",
    "schema": "engine.cli.schema",
    "docs": "engine.cli.docs",
    "plugins": "engine.cli.plugins",
    "new": "engine.cli.new",
    "explain": "engine.cli.explain",
    "simulate": "engine.cli.simulate",
    "preview": "engine.cli.preview",
    "graph": "engine.cli.graph",
    "serve": "engine.cli.serve",
    "status": "engine.cli.status",
    "reload": "engine.cli.reload",
    "deliveries": "engine.cli.deliveries",
    "import": "engine.cli.import_",
    "quarantine": "engine.cli.quarantine",
    "lead": "engine.cli.lead",
    "pool": "engine.cli.pool",
    "task": "engine.cli.task",
    "inbox": "engine.cli.inbox",
    "merge": "engine.cli.merge",
    "unmerge": "engine.cli.unmerge",
    "export": "engine.cli.export",
    "replay": "engine.cli.replay",
    "backtest": "engine.cli.backtest",
    "plan": "engine.cli.plan",
    "backup": "engine.cli.backup",
    "doctor": "engine.cli.doctor",
    "report": "engine.cli.report",
    "token": "engine.cli.token",
    "user": "engine.cli.user",
    "audit": "engine.cli.audit",
    "forget": "engine.cli.forget",
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = VERBS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(module).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from engine.language.nearest import did_you_mean

            raise click.UsageError(
                f'there is no verb "{args[0]}"; {did_you_mean(args[0], VERBS)}', ctx
            )
        return super().resolve_command(ctx, args)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="leadrules")
def cli() -> None:
    """Sales leads by rules written in YAML: check them, test them, run them.

    Exit codes: 0 done, 1 findings or failed tests, 2 could not do the job, 3 a defect.
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; never raises."""
    try:
        result: Any = cli.main(list(arguments), prog_name="leadrules", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return CANNOT
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # `leadrules ... | head`: nobody listens any more
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for the exit flush
        return DONE
    except (LeadrulesError, OSError) as error:
        click.echo(f"leadrules: {error}", err=True)
        return CANNOT
    except Exception as error:
        return _refused_by_disk(error) or _defect(error)
    return result if isinstance(result, int) else DONE


def _refused_by_disk(error: Exception) -> int | None:
    """Say what the disk under the database says; None: it was something else."""
    from engine.store.database import is_of_the_disk

    if not is_of_the_disk(error):
        return None
    click.echo(f"leadrules: the database cannot be used: {error}; look at its disk", err=True)
    return CANNOT


def _defect(error: Exception) -> int:
    click.echo(
        f"leadrules: this is a defect in leadrules, not in your rules: "
        f"{type(error).__name__}: {error}",
        err=True,
    )
    if os.environ.get("LEADRULES_DEBUG"):
        traceback.print_exception(error)
    else:
        click.echo("Set LEADRULES_DEBUG=1 to see where, and please report it.", err=True)
    return DEFECT


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()

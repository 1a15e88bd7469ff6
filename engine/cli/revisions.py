"""A configuration as it was: of another folder, or of a commit of the repository it stands in."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import LeadrulesError


class NoSuchRevision(LeadrulesError):
    """Neither a folder nor a commit with the configuration in it."""

    code = "no-such-revision"


@contextmanager
def as_of(named: str, config: Path) -> Iterator[Path]:
    """Give the folder that ``named`` is, or ``config`` as it is in that commit, while used."""
    if Path(named).is_dir():
        yield Path(named)
        return
    root = Path(_git(config, "rev-parse", "--show-toplevel").decode().strip())
    place = config.resolve().relative_to(root.resolve())
    commit = _git(
        config, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{named}^{{commit}}"
    )
    archive = _git(root, "archive", "--format=tar", commit.decode().strip(), "--", str(place))
    with tempfile.TemporaryDirectory(prefix="leadrules-") as scratch:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            # Python before 3.11.4 has no such filter.
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
            tar.extractall(scratch)
        yield Path(scratch) / place


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        ran = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)
    except FileNotFoundError:
        raise NoSuchRevision("git is not installed; name a folder with the old rules") from None
    if ran.returncode:
        why = ran.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
        wanted = arguments[-1].removesuffix("^{commit}")
        raise NoSuchRevision(
            f"{why or f'there is no commit {wanted!r}'}; name a folder, or a commit of the "
            f"repository that {str(folder)!r} stands in"
        )
    return ran.stdout

"""A configuration as it was: of a folder, of a commit, or as the server had it last."""

from __future__ import annotations

import io
import shutil
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


@contextmanager
def in_use(database: Path, config: Path) -> Iterator[Path]:
    """Give the folder of the rules that a server with this database loaded last, while used.

    The database keeps their YAML; lists and templates are those of ``config``.
    """
    from engine.language.load import KINDS
    from engine.store.reading import Reader

    reader = Reader(database)
    try:
        kept = reader.configurations()
        texts = reader.configuration(kept[0].version) if kept else None
    finally:
        reader.close()
    if texts is None:
        raise NoSuchRevision(f"no server has loaded rules with {str(database)!r} yet")
    with tempfile.TemporaryDirectory(prefix="leadrules-") as scratch:
        folder = Path(shutil.copytree(config, Path(scratch) / config.name))
        for kind in KINDS:
            for file in (folder / f"{kind}.yaml", *(folder / kind).glob("*.yaml")):
                file.unlink(missing_ok=True)
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        yield folder


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

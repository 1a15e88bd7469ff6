"""A first line that tells editors of the wrong schema, or none among files that have one.

An editor completes and checks a file by the schema that its `# yaml-language-server: $schema=`
line names. With another kind's schema it draws red lines under what is right; a path that leads
elsewhere, as after moving a file into a folder, makes it check nothing at all, without a word.
Where no file has such a line, none is missed: the editor's own settings may say it.

## Bad

```yaml
# scoring.yaml
# yaml-language-server: $schema=../schemas/routing.schema.json
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 10}
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
# yaml-language-server: $schema=../schemas/scoring.schema.json
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 10}
    grades: [{grade: A, from: 0}]
```

## Way out

`leadrules lint --fix` writes the line. By hand: the path counts from the file, so in `scoring/` it
begins with `../../schemas/`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from posixpath import join, normpath

import msgspec

from engine.language.diagnostic import Source
from engine.language.lint.context import Context
from engine.language.lint.finding import Edit, Finding
from engine.language.schemas import KINDS
from engine.language.schemas.modeline import Modeline, find_modeline, modeline_text

SEVERITY = "warning"
_USUAL = "../schemas"


class _File(msgspec.Struct, frozen=True):
    """A file of the configuration: its kind, and the folders between it and the others'."""

    file: str
    kind: str
    depth: int
    line: Modeline | None

    @property
    def schema(self) -> str:
        return f"{self.kind}.schema.json"

    def folder(self) -> str | None:
        """Return where its schema is, counted from the configuration, if it says so."""
        if self.line is None or not self.line.is_relative:
            return None
        inner = "x/" * self.depth  # any name: a path that leads up leaves it again
        return normpath(join(inner, self.line.target.rpartition("/")[0]))


def check(context: Context) -> Iterator[Finding]:
    """Find files whose line names another schema than theirs, or that lack the line."""
    files = list(_files(context))
    if not any(f.line for f in files):
        return
    home = _home(files)
    for file in files:
        wanted = f"{'../' * file.depth}{home}/{file.schema}"
        if file.line is None:
            yield _missing(file, wanted)
        elif file.line.target.rpartition("/")[2] != file.schema:
            yield _wrong(file, file.line, f"this is a file of the kind {file.kind}", wanted)
        elif file.folder() not in (None, home):
            yield _wrong(file, file.line, f"other files' schemas are in {home}", wanted)


def _files(context: Context) -> Iterator[_File]:
    """Yield the configuration's own files, in the order of their kinds."""
    root = PurePath(context.definitions.folder)
    for kind in KINDS:
        for document in context.documents.values():
            path = PurePath(document.file)
            inside = path.relative_to(root).parts if path.is_relative_to(root) else ()
            if inside in ((f"{kind}.yaml",), (kind, path.name)):
                yield _File(document.file, kind, len(inside) - 1, find_modeline(document.lines))


def _home(files: Iterable[_File]) -> str:
    """Return where most of the schemas are."""
    counted = Counter(folder for f in files if (folder := f.folder()) is not None)
    return counted.most_common(1)[0][0] if counted else _USUAL


def _missing(file: _File, wanted: str) -> Finding:
    start = Source(file.file, 1, 1, 1, 1)
    return Finding(
        message=f"no line tells editors of {file.schema}, and other files have one",
        source=start,
        hint=f"begin with {modeline_text(wanted)}",
        edits=(Edit(start, f"{modeline_text(wanted)}\n"),),
    )


def _wrong(file: _File, line: Modeline, why: str, wanted: str) -> Finding:
    span = Source(file.file, line.line, line.column, line.line, line.column + len(line.target))
    return Finding(
        message=f"editors check this by {line.target}; {why}",
        source=span,
        hint=f"write $schema={wanted}",
        edits=(Edit(span, wanted),),
    )

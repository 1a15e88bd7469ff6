"""Do the tests of engine/network notice when its code is broken? mutmut breaks it, place by place.

    python tests/mutants/network.py
    python tests/mutants/network.py --module wake --module pivot
    python tests/mutants/network.py --sample 200 --seed 7
    python tests/mutants/network.py --folder /tmp/mutants --minutes 60

Works on a copy in a temporary folder, so that nothing is left here. A --folder is kept instead:
called again, the program goes on where it stopped, and asks once more only about functions that
were edited meanwhile; with --anew also about what survived, for there may be new tests, and what
timed out, for the machine may have been busy.

Ends with a table of the modules, every survivor with its place and change, and exit code 1 when
fewer than 90 % are killed or one survives that accepted.txt gives no reason for. What is not
mutated: code outside of functions (the tables of operators in predicates.py), docstrings and
annotations, and the adapter to durable-rules, which the differential test judges.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
ACCEPTED = Path(__file__).with_name("accepted.txt")
ROOM = Path("engine/network")
NEEDED = "engine plugins schemas config docs/rules tests/network tests/broken/_base tests/play.py".split()
LEAST = 90.0  # per cent
# A survivor is asked by every test that comes by, so these, which take seconds, are left out.
SLOW = (
    "test_explain.py::test_the_tree_agrees_with_the_closure",
    "test_explain.py::test_every_node_is_judged_and_stands_as_it_is_written",
    "test_explain.py::test_nothing_changes_before_its_next_change",
)
SETTINGS = """

[tool.mutmut]
source_paths = ["engine/"]
only_mutate = {modules}
also_copy = {also}
pytest_add_cli_args = {arguments}
pytest_add_cli_args_test_selection = ["tests/network"]
timeout_multiplier = 90  # of the clock's time; fifteen is too short on a busy machine
"""
# The same cases for each mutant, few of them, and no search for a smaller one. The table of
# operators is built when predicates.py is imported, before any mutant is: so it is built again.
CONFTEST = """
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from engine.network import predicates

settings.register_profile(
    "mutants",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=30,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


CODE = compile(Path(predicates.__file__).read_bytes(), predicates.__file__, "exec")


@pytest.fixture(autouse=True)
def operators():
    exec(CODE, predicates.__dict__)
"""
KILLED = {1: "killed", 3: "killed", 24: "timeout", -24: "timeout", 36: "timeout", 152: "timeout"}


class Mutant(NamedTuple):
    """One change and what came of it."""

    name: str  # mutmut's
    module: str
    outcome: str  # killed, timeout, survived, untested or not run

    @property
    def function(self) -> str:
        """MODULE.FUNCTION or MODULE.CLASS.METHOD."""
        mangled = self.name.rpartition("__mutmut_")[0].rpartition(".")[2]
        plain = mangled.removeprefix("xǁ").replace("ǁ", ".") if "ǁ" in mangled else mangled[2:]
        return f"{self.module}.{plain}"


def main() -> int:
    """Break, test, report; the exit code says whether enough was noticed."""
    options = _options()
    modules = options.module or _modules()
    with _tree(options.folder) as tree:
        _copy(tree, modules)
        if options.anew:
            _forget(tree, modules)
        names = _sample(tree, modules, options.sample, options.seed)
        began = time.monotonic()
        _run(tree, names, options.jobs, options.minutes)
        mutants = [m for m in _results(tree, modules) if not names or m.name in names]
        _table(mutants, time.monotonic() - began)
        unexplained = _survivors(tree, mutants)
    done = [m for m in mutants if m.outcome != "not run"]
    score = _score(done)
    missing = len(mutants) - len(done)
    print(
        f"\n{score:.1f} % of {len(done)} killed; {unexplained} survivors without a reason", end=""
    )
    print(f"; {missing} not run" if missing else "")
    return 0 if done and score >= LEAST and not unexplained and not missing else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--module", action="append", choices=_modules(), help="only this one")
    parser.add_argument("--sample", type=int, help="only so many mutants, drawn by --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time")
    parser.add_argument("--folder", type=Path, help="keep the results there, and go on with them")
    parser.add_argument("--anew", action="store_true", help="survivors and timeouts once more")
    parser.add_argument("--minutes", type=float, default=60, help="then report what there is")
    return parser.parse_args()


@contextmanager
def _tree(kept: Path | None) -> Iterator[Path]:
    """Yield the folder to work in: the one that is kept, or one that is gone afterwards."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="leadrules-mutants-") as folder:
        yield Path(folder)


def _modules() -> list[str]:
    found = (path.stem for path in sorted((ROOT / ROOM).glob("*.py")))
    return [
        name for name in found if name != "__init__" and not name.startswith(("durable", "asked"))
    ]


def _copy(tree: Path, modules: Iterable[str]) -> None:
    for name in NEEDED:
        source, target = ROOT / name, tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    for path in (tree / "mutants").rglob("*"):  # copied and broken anew; results stay
        if path.is_file() and (tree / path.relative_to(tree / "mutants")).is_file():
            path.unlink()
    # Which test reaches which function is asked anew, for a function may have been taken apart.
    (tree / "mutants/mutmut-stats.json").unlink(missing_ok=True)
    (tree / "tests/__init__.py").touch()
    (tree / "conftest.py").write_text(CONFTEST)
    arguments = ["-p", "no:xdist", "-p", "no:cacheprovider", "--hypothesis-profile=mutants"]
    # Whoever fails says no more than that: what a whole ruleset looks like takes many seconds.
    arguments += ["--assert=plain", "--tb=no", "--show-capture=no"]
    arguments += [f"--deselect=tests/network/{name}" for name in SLOW]
    settings = SETTINGS.format(
        modules=json.dumps([f"{ROOM}/{name}.py" for name in modules]),
        also=json.dumps(["conftest.py", *(n for n in NEEDED if n != "engine")]),
        arguments=json.dumps(arguments),
    )
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (tree / "pyproject.toml").write_text(text + settings, encoding="utf-8")


def _sample(tree: Path, modules: Iterable[str], size: int | None, seed: int) -> set[str]:
    """Return the mutants to run; none means all of them."""
    if size is None:
        return set()
    asked = (
        "import sys; from mutmut.mutation.file_mutation import mutate_file_contents as mutate\n"
        "for path in sys.argv[1:]:\n"
        "    found = mutate(path, open(path, encoding='utf-8').read()).mutant_names\n"
        "    print(*(path[:-3].replace('/', '.') + '.' + name for name in found), sep='\\n')"
    )
    paths = [f"{ROOM}/{name}.py" for name in modules]
    names = subprocess.check_output([sys.executable, "-c", asked, *paths], cwd=tree, text=True)
    every = names.split()
    return set(random.Random(seed).sample(every, min(size, len(every))))


def _run(tree: Path, names: set[str], jobs: int, minutes: float) -> None:
    """Run mutmut, passing on its progress every few seconds, for at most so many minutes."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(jobs), *sorted(names)]
    ends = time.monotonic() + minutes * 60
    with (tree / "log").open("w+", encoding="utf-8") as log:
        child = subprocess.Popen(command, cwd=tree, stdout=log, stderr=subprocess.STDOUT)
        try:
            while child.poll() is None and time.monotonic() < ends:
                time.sleep(5)
                _progress(tree)
        finally:
            child.terminate()
            child.wait()
    if child.returncode not in (0, -15):
        print((tree / "log").read_text(encoding="utf-8")[-4000:])


def _progress(tree: Path) -> None:
    last = (tree / "log").read_text(encoding="utf-8", errors="replace")[-400:]
    line = last.replace("\r", "\n").strip().rpartition("\n")[2]
    print(line, end="\r" if sys.stdout.isatty() else "\n", flush=True)


def _results(tree: Path, modules: Iterable[str]) -> list[Mutant]:
    return [
        Mutant(name, module, _outcome(code))
        for module, _, meta in _metas(tree, modules)
        for name, code in meta["exit_code_by_key"].items()
    ]


def _forget(tree: Path, modules: Iterable[str]) -> None:
    """Take away what is known of mutants that were not killed outright."""
    for _, path, meta in _metas(tree, modules):
        codes = meta["exit_code_by_key"]
        codes.update((name, None) for name, code in codes.items() if _outcome(code) != "killed")
        path.write_text(json.dumps(meta), encoding="utf-8")


def _metas(tree: Path, modules: Iterable[str]) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Yield what mutmut has noted about each module, and where."""
    for module in modules:
        path = tree / "mutants" / ROOM / f"{module}.py.meta"
        if path.exists():
            yield module, path, json.loads(path.read_text(encoding="utf-8"))


def _outcome(code: int | None) -> str:
    if code is None:
        return "not run"
    if code in (5, 33):
        return "untested"
    return KILLED.get(code, "survived" if code == 0 else "killed")


def _score(mutants: list[Mutant]) -> float:
    killed = sum(m.outcome in ("killed", "timeout") for m in mutants)
    return 100 * killed / len(mutants) if mutants else 0.0


def _table(mutants: list[Mutant], seconds: float) -> None:
    columns = ("killed", "timeout", "survived", "untested", "not run")
    print(f"\n{'module':12}" + "".join(f"{name:>10}" for name in columns) + f"{'score':>10}")
    for module in (*dict.fromkeys(m.module for m in mutants), None):
        mine = [m for m in mutants if module in (m.module, None)]
        counts = Counter(m.outcome for m in mine)
        score = _score([m for m in mine if m.outcome != "not run"])
        numbers = "".join(f"{counts[name]:>10}" for name in columns)
        print(f"{module or 'all':12}{numbers}{score:>8.1f} %")
    print(f"{seconds / 60:.1f} minutes on {os.cpu_count()} cores")


# --- survivors ---------------------------------------------------------------------------------


def _survivors(tree: Path, mutants: list[Mutant]) -> int:
    """Print each mutant that nobody noticed; return how many have no accepted reason."""
    reasons, unexplained, needed = dict(_accepted()), 0, set()
    unnoticed = [m for m in mutants if m.outcome in ("survived", "untested")]
    for mutant, diff in zip(unnoticed, _diffs(tree, unnoticed), strict=True):
        change = _change(diff)
        reason = reasons.get((mutant.function, change))
        needed.add((mutant.function, change))
        unexplained += reason is None
        line = _line(tree, mutant, diff)
        print(f"\n{ROOM}/{mutant.module}.py:{line} {mutant.function} ({mutant.outcome})")
        print("\n".join(f"  {each}" for each in change))
        print(f"  # {reason or 'no reason given'}")
    asked = {m.module for m in mutants} - {m.module for m in mutants if m.outcome == "not run"}
    for function, change in reasons.keys() - needed:
        if function.partition(".")[0] in asked:
            print(f"\naccepted.txt: {function} no longer survives", *change, sep="\n  ")
    return unexplained


def _diffs(tree: Path, mutants: Iterable[Mutant]) -> list[str]:
    """Return what mutmut shows of each, asked in one process."""
    asked = (
        "import json, sys; from click.testing import CliRunner; from mutmut.__main__ import show\n"
        "print(json.dumps([CliRunner().invoke(show, [name]).output for name in json.load(sys.stdin)]))"
    )
    names = json.dumps([m.name for m in mutants])
    command = [sys.executable, "-c", asked]
    found: list[str] = json.loads(
        subprocess.check_output(command, cwd=tree, input=names, text=True)
    )
    return found


def _change(diff: str) -> tuple[str, ...]:
    """Return the lines taken away and put in, each with its sign, without indentation."""
    lines = (
        line for line in diff.splitlines() if line[:1] in "-+" and line[:3] not in ("---", "+++")
    )
    return tuple(f"{line[0]} {line[1:].strip()}" for line in lines)


def _line(tree: Path, mutant: Mutant, diff: str) -> int:
    """Return the line of the change; the diff counts from the first line of its function."""
    wanted = mutant.function.split(".")[1:]
    scope: list[ast.stmt] = ast.parse((tree / ROOM / f"{mutant.module}.py").read_text("utf-8")).body
    first = 1
    for name in wanted:
        node = next(n for n in scope if getattr(n, "name", None) == name)
        first, scope = node.lineno, getattr(node, "body", [])
    lines = diff.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("@@"))
    offset = int(lines[start].split()[1].partition(",")[0][1:])
    before = 0
    for line in lines[start + 1 :]:
        if line[:1] == "-":
            break
        before += line[:1] != "+"
    return first + offset - 1 + before


def _accepted() -> Iterator[tuple[tuple[str, tuple[str, ...]], str]]:
    """Yield the function and the change of each mutant that may survive, and why.

    A block of accepted.txt is the function, the lines of the change, and the reason after #.
    """
    for block in ACCEPTED.read_text(encoding="utf-8").split("\n\n"):
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        if lines and not lines[0].startswith("#"):
            reason = " ".join(line.lstrip("# ") for line in lines if line.startswith("#"))
            yield (lines[0], tuple(line for line in lines[1:] if line[0] in "-+")), reason


if __name__ == "__main__":
    sys.exit(main())

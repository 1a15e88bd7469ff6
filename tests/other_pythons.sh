#!/bin/sh
# Installs the wheel, as a user would, on every other Python >= 3.11 that this machine has,
# and runs the command from it. A Python that is absent is reported and is no failure.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
python=$root/.venv/bin/python
supported="3.11 3.12 3.13 3.14"

[ -x "$python" ] || { echo "other_pythons: no $python; run make test" >&2; exit 2; }
own=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# The newest final release of minor version $1, or nothing.
find_python() {
    if command -v pyenv >/dev/null 2>&1; then
        version=$(pyenv versions --bare --skip-aliases 2>/dev/null |
            grep -E "^$1\.[0-9]+$" | sort -t . -k 3 -n | tail -n 1)
        if [ -n "$version" ]; then
            echo "$(pyenv prefix "$version")/bin/python"
            return
        fi
    fi
    # Not only `command -v`: a version manager's shim may exist without its Python.
    if "python$1" -c '' >/dev/null 2>&1; then
        command -v "python$1"
    fi
}

try_python() {
    "$1" -m venv "$work/$2" &&
        "$work/$2/bin/python" -m pip install -qq --disable-pip-version-check "$wheel" &&
        # Not from the repository, where the packages would be found without installing.
        (cd "$work" && "$work/$2/bin/leadrules" --version &&
            "$work/$2/bin/leadrules" validate "$root/config")
}

wheel=
done_list=
absent=
failed=
for minor in $supported; do
    [ "$minor" != "$own" ] || continue
    found=$(find_python "$minor")
    if [ -z "$found" ]; then
        absent="$absent $minor"
        continue
    fi
    if [ -z "$wheel" ]; then
        "$python" -m build --wheel --outdir "$work/dist" "$root" >"$work/build.log" 2>&1 || {
            cat "$work/build.log" >&2
            echo "other_pythons: the wheel does not build" >&2
            exit 1
        }
        wheel=$(ls "$work"/dist/*.whl)
    fi
    echo "== Python $minor ($found)"
    if try_python "$found" "$minor"; then
        done_list="$done_list $minor"
    else
        failed="$failed $minor"
    fi
    rm -rf "${work:?}/$minor"
done

echo "other_pythons: this run's own Python: $own"
echo "other_pythons: installed and ran on:${done_list:- none}"
[ -z "$absent" ] || echo "other_pythons: not on this machine, so not tried:$absent"
if [ -n "$failed" ]; then
    echo "other_pythons: FAILED on:$failed" >&2
    exit 1
fi

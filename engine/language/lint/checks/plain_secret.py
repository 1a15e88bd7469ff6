"""A password, key or token that is written into server.yaml.

The configuration is in version control, and everybody who may read it could use the secret.

## Bad

```yaml
# server.yaml
connections:
  email:
    plugin: email
    host: smtp.example.com
    port: 587
    from: a@example.com
    username: mailer
    password: hunter2
```

## Good

```yaml
# server.yaml
connections:
  email:
    plugin: email
    host: smtp.example.com
    port: 587
    from: a@example.com
    username: mailer
    password: ${SMTP_PASSWORD:-}
```

## Way out

Write the name of an environment variable, `${SMTP_PASSWORD}`, without a default. Then change the
secret, for it stays in the history.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.reader import Document, Path

SEVERITY = "error"
_SECRET = re.compile(
    r"(?:^|[_-])(?:password|passwd|secret|token|apikey|credential|authorization|"
    r"(?:api|access|private|secret|signing|aes|write)[_-]key)s?$|^keys?$",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::-)?\}")


def check(context: Context) -> Iterator[Finding]:
    """Find keys named like secrets with a value that is no variable."""
    for document in context.of_kind("server"):
        for path, source in document.values.items():
            name = _name(path)
            if _SECRET.search(name) and _plain(document, path):
                yield Finding(
                    message=f"{name} stands here for everybody to read",
                    source=source,
                    hint=f"write ${{{_variable(path)}}} and set it in the environment",
                )


def _name(path: Path) -> str:
    """Return the key that leads to a value, or to the list that it stands in."""
    return next((each for each in reversed(path) if isinstance(each, str)), "")


def _plain(document: Document, path: Path) -> bool:
    value = document.value(path)
    return isinstance(value, str | int) and bool(value) and not _VARIABLE.fullmatch(str(value))


def _variable(path: Path) -> str:
    words = [str(p) for p in path if isinstance(p, str)][-2:]
    return "_".join(re.sub(r"\W", "_", w).upper() for w in words)

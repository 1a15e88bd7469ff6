"""A message for one lead: which templates in which language, and what goes with them."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.host.templates.press import Press
from engine.host.templates.typesetting import BETWEEN, BadTemplate, Job, Typesetter
from engine.language.definitions import Attached, Member, Message
from engine.language.label import in_language
from engine.language.templates import choose
from engine.machines.state import Lead
from engine.network.ruleset import Ruleset
from engine.plugin import Attachment

# Of a delivery's parameters, what templates may name besides the lead.
VARIABLES: Final = ("unsubscribe_url",)
FILES: Final = "files"
# An image of files/ within HTML: <img src="cid:logo.png">.
_IMAGE: Final = re.compile(r"""\bcid:([^"'\s>)]+)""")
_SIGNS: Final = ("{{", "{%", "{#")


class Rendered(msgspec.Struct, frozen=True):
    """A message's texts for one lead; ``subject`` is one line.

    ``templates`` says which template each form was made from.
    """

    subject: str | None = None
    text: str | None = None
    html: str | None = None
    params: Mapping[str, Any] = {}
    markdown: str | None = None
    attachments: tuple[Attachment, ...] = ()
    templates: Mapping[str, str] = {}


class Renderer:
    """Renders the messages of one ruleset, by ``press``.

    Without a press it works in this process, where nothing bounds what one expression of a
    template takes: for templates that one trusts.
    """

    def __init__(self, ruleset: Ruleset, press: Press | None = None) -> None:
        self.ruleset = ruleset
        self._press = press
        self._plates = plates_of(ruleset)
        self._here = Typesetter(self._plates)
        self._files: dict[str, tuple[tuple[int, int], bytes]] = {}

    def render(
        self,
        message: Message | None,
        params: Mapping[str, Any],
        lead: Lead,
        language: str | None = None,
    ) -> Rendered:
        """Return the texts of ``message``, or those that a step's parameters bring.

        ``language`` stands in for the lead's own. Blocks. Raises BadTemplate, PressBusy, and
        OSError where no process or file is to be had.
        """
        job = self._job(message, params, lead, language or lead.facts.get("lead.language"))
        done = self._set(job)
        filled: dict[str, Any] = done["params"]
        if message is None:
            subject = filled.get("subject") or filled.get("title")
            text, markdown = filled.get("text"), filled.get("markdown")
            return Rendered(subject and _line(str(subject)), text, None, filled, markdown)
        return Rendered(
            subject=_line(done.get("subject", "")),
            text=done.get("text"),
            html=done.get("html"),
            params=filled,
            markdown=done.get("markdown"),
            attachments=self._attachments(message, done.get("html")),
            templates={form: shown(name) for form, name in job.forms.items()},
        )

    def _set(self, job: Job) -> dict[str, Any]:
        if self._press is None or not self._takes_work(job):
            return self._here.set(job)
        return self._press.set(job, self._plates)

    def _takes_work(self, job: Job) -> bool:
        """Whether there is anything to fill in or to make of markup."""
        said = [self._plates[name] for name in job.forms.values()]
        return "html" in job.forms or _holds_templates([*said, job.params])

    def _job(
        self, message: Message | None, params: Mapping[str, Any], lead: Lead, language: Any
    ) -> Job:
        more = {name: params[name] for name in VARIABLES if name in params}
        forms: dict[str, str] = {}
        own: Mapping[str, Any] = {}
        name = "with"
        if message is not None:
            name, own = message.id, message.params
            forms = self._forms(message, language)
            more["message.id"] = message.id
            label = in_language(message.label, str(language)[:2])
            more["message.label"] = label or message.id
        member = find_member(self.ruleset, lead.facts.get("owner"))
        return Job(
            plates=self.ruleset.definitions.version,
            name=name,
            forms=forms,
            facts={**lead.facts, "lead.id": lead.id},
            score=self.ruleset.default_model,
            owner=_owner(member) if member is not None else None,
            more=more,
            params={**own, **params},
        )

    def _forms(self, message: Message, language: Any) -> dict[str, str]:
        """Return which template each form of a message has in a language."""
        forms = {}
        for form, available in message.wordings.items():
            wording = available[choose(available, language, message.language)]
            name = plate(message.id, wording.name) if wording.inline else wording.name
            forms[form] = name
        return forms

    def _attachments(self, message: Message, html: str | None) -> tuple[Attachment, ...]:
        """Return the files of a message, and the images that its HTML shows."""
        files = [self._file(each) for each in message.attachments]
        base = Path(self.ruleset.definitions.folder, FILES)
        for name in dict.fromkeys(_IMAGE.findall(html or "")):
            path = base / name
            if ".." in Path(name).parts or not path.is_file():
                raise BadTemplate(f'message "{message.id}": there is no image "{name}" in {FILES}/')
            image = self._file(Attached(path.name, str(path)))
            files.append(msgspec.structs.replace(image, cid=name))
        return tuple(files)

    def _file(self, attached: Attached) -> Attachment:
        path = Path(attached.path)
        now = path.stat()
        stamp = (now.st_mtime_ns, now.st_size)
        known, content = self._files.get(attached.path, (None, b""))
        if known != stamp:
            content = path.read_bytes()
            self._files[attached.path] = (stamp, content)
        kind = mimetypes.guess_type(attached.name)[0] or "application/octet-stream"
        return Attachment(name=attached.name, media_type=kind, content=content)


def plates_of(ruleset: Ruleset) -> dict[str, str]:
    """Return every template of a configuration by name, those in messages.yaml too."""
    plates = dict(ruleset.definitions.templates)
    for message in ruleset.definitions.messages.values():
        for available in message.wordings.values():
            for wording in available.values():
                if wording.inline:
                    plates[plate(message.id, wording.name)] = wording.text
    return plates


def plate(message: str, name: str) -> str:
    """Return the name of a template that stands in messages.yaml: no file can have it."""
    return f"{message}{BETWEEN}{name}"


def shown(name: str) -> str:
    """Return what people call a template."""
    return name.rpartition(BETWEEN)[2]


def find_member(ruleset: Ruleset, id: str | None) -> Member | None:
    """Return a salesperson of any team by id, or None."""
    return ruleset.definitions.routing.member(id)


def _owner(member: Member) -> dict[str, Any]:
    return {"id": member.id, "name": member.name, "email": member.email}


def _holds_templates(value: Any) -> bool:
    if isinstance(value, str):
        return any(sign in value for sign in _SIGNS)
    if isinstance(value, Mapping):
        return any(_holds_templates(each) for each in value.values())
    return isinstance(value, list | tuple) and any(_holds_templates(each) for each in value)


def _line(text: str) -> str:
    """Return text as one line, as headers and titles need it."""
    return " ".join(text.split())

"""Templates and what messages say by form and language; the files that go with them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.language.definitions import Message
from engine.language.load import Loaded, load_folder
from engine.language.sections.wordings import MAX_ATTACHED, first, gaps
from engine.language.templates import choose, nameable, variants
from tests.play import BASE


def loaded(folder: Path, message: str, **templates: str) -> Loaded:
    """Load the sound base with this message; ``welcome_en_html`` is templates/welcome.en.html."""
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    text = f"messages:\n  welcome: {{action: email, topic: marketing, {message}}}\n"
    (folder / "messages.yaml").write_text(text, encoding="utf-8")
    (folder / "templates").mkdir()
    for name, said in templates.items():
        file = folder / "templates" / name.replace("_", ".")
        file.write_text(said, encoding="utf-8")
    return load_folder(folder)


def read(folder: Path, message: str, **templates: str) -> Message:
    """The typed message of what must be sound."""
    result = loaded(folder, message, **templates)
    assert result.definitions is not None, result.diagnostics
    return result.definitions.messages["welcome"]


def said(message: Message, form: str) -> dict[str, str]:
    """What a form says by language."""
    return {tag: wording.text for tag, wording in message.wordings.get(form, {}).items()}


def test_a_template_and_its_languages_are_one_message(tmp_path: Path) -> None:
    """The plain text of the same name goes with HTML, in each of its languages."""
    found = read(
        tmp_path,
        "subject: 欢迎, template: welcome.html",
        welcome_html="<p>您好</p>",
        welcome_en_html="<p>Hello</p>",
        welcome_txt="您好",
        welcome_en_txt="Hello",
        welcome_2026_html="<p>not a language</p>",
        other_en_html="<p>another</p>",
    )
    assert said(found, "html") == {"": "<p>您好</p>", "en": "<p>Hello</p>"}
    assert said(found, "text") == {"": "您好", "en": "Hello"}
    assert (found.subject, found.text, found.html) == ("欢迎", "您好", "<p>您好</p>")
    assert found.wordings["html"]["en"].name == "welcome.en.html"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("text: 亲自写的, template: welcome.html", {"": "亲自写的"}),
        ("template: welcome.html", {}),
        ("template: welcome.txt", {"": "您好"}),
    ],
)
def test_text_in_the_message_goes_before_the_file(
    tmp_path: Path, message: str, text: dict[str, str]
) -> None:
    """A companion is read only where there is one and nothing else says it."""
    files = {"welcome_txt": "您好"} if "template: welcome.txt" in message else {}
    found = read(tmp_path, message, welcome_html="<p>您好</p>", **files)
    assert said(found, "text") == text
    assert ("html" in found.wordings) is ("welcome.html" in message)


def test_an_unknown_template_is_one_finding(tmp_path: Path) -> None:
    """With the nearest name; the message is not also empty."""
    [found] = loaded(tmp_path, "template: welcom.html", welcome_html="<p>您好</p>").diagnostics
    assert found.code == "unknown-template"
    assert 'did you mean "welcome.html"?' in found.message


def test_a_text_may_be_written_for_each_language(tmp_path: Path) -> None:
    """Tags have one form, and each text knows its own place."""
    found = read(tmp_path, "subject: {zh_CN: 欢迎, EN: Welcome}, text: 您好")
    assert said(found, "subject") == {"zh-cn": "欢迎", "en": "Welcome"}
    assert found.wordings["subject"]["en"].name == "subject.EN"
    assert found.wordings["subject"]["en"].source.line == 2
    assert found.subject == "Welcome"  # nobody's own: the first by name


def test_a_reader_gets_the_nearest_language() -> None:
    """His own, the same without its region, what is for everybody, the fallback, the first."""
    assert choose({"zh-hant": 1, "zh": 1, "": 1}, "zh_Hant_TW") == "zh-hant"
    assert choose({"zh": 1, "": 1}, "zh-TW") == "zh"
    assert choose({"en": 1, "": 1}, "fr") == ""
    assert choose({"en": 1, "zh": 1}, "fr") == "zh"
    assert choose({"en": 1, "zh": 1}, "fr", "en-GB") == "en"
    assert choose({"ja": 1, "en": 1}, None) == "en"
    assert first({}, "text", None) is None


def test_names_of_templates_stand_for_their_languages() -> None:
    """What is there in languages only may be named without one; a file without a dot is itself."""
    assert variants("邀请.html", ["邀请.en.html", "邀请.zh_CN.html", "邀请.旧.html"]) == {
        "en": "邀请.en.html",
        "zh-cn": "邀请.zh_CN.html",
    }
    assert variants("邀请", ["邀请", "邀请.en"]) == {"": "邀请"}
    assert nameable(["邀请.en.html", "旧.v2.html", "通知.txt"]) == [
        *("邀请.en.html", "旧.v2.html", "通知.txt"),
        "邀请.html",
    ]


def test_languages_that_others_have_are_missed(tmp_path: Path) -> None:
    """By form, with what its readers get instead; what is written once is for everybody."""
    shutil.copytree(BASE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "messages.yaml").write_text(
        "messages:\n"
        "  welcome: {action: email, subject: {zh: 欢迎, en: Welcome}, text: 您好}\n"
        "  news: {action: email, subject: {zh: 新闻, ja: お知らせ}, text: 您好}\n"
        "  offer: {action: email, subject: {zh: 优惠, en-GB: Offer, ja: 特典}, text: 您好}\n",
        encoding="utf-8",
    )
    definitions = load_folder(tmp_path).definitions
    assert definitions is not None
    assert [(m.id, *rest) for m, *rest in gaps(definitions.messages)] == [
        ("welcome", "subject", "ja", "subject.zh"),
        ("news", "subject", "en", "subject.zh"),
        ("news", "subject", "en-gb", "subject.zh"),
    ]


def test_what_is_for_everybody_is_in_the_language_of_those_without_one(tmp_path: Path) -> None:
    """So `language: en` with an English text for everybody lacks Chinese and not English."""
    shutil.copytree(BASE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "templates").mkdir()
    for name in ("a.txt", "a.ja.txt", "b.zh.txt", "b.en.txt"):
        (tmp_path / "templates" / name).write_text(name, encoding="utf-8")
    (tmp_path / "messages.yaml").write_text(
        "messages:\n"
        "  welcome: {action: email, template: a.txt, language: en}\n"
        "  other: {action: email, template: b.txt}\n",
        encoding="utf-8",
    )
    definitions = load_folder(tmp_path).definitions
    assert definitions is not None
    assert [(m.id, *rest) for m, *rest in gaps(definitions.messages)] == [
        ("welcome", "text", "zh", "a.txt"),
        ("other", "text", "ja", "b.zh.txt"),
    ]


def test_files_that_go_with_a_message_are_found_and_weighed(tmp_path: Path) -> None:
    """Each by its own name; together they are no larger than mail servers take."""
    (tmp_path / "files" / "手册").mkdir(parents=True)
    (tmp_path / "files" / "手册" / "阀门.pdf").write_bytes(b"1" * MAX_ATTACHED)
    found = read(tmp_path, "text: 您好, attachments: [手册/阀门.pdf]")
    assert [(a.name, Path(a.path).is_file()) for a in found.attachments] == [("阀门.pdf", True)]

    other = tmp_path / "other"
    shutil.copytree(tmp_path / "files", other / "files")
    (other / "files" / "一.txt").write_bytes(b"1")
    [large] = loaded(other, "text: 您好, attachments: [手册/阀门.pdf, 一.txt]").diagnostics
    assert large.code == "attachments-too-large"
    assert "10,485,761 bytes" in large.message


def test_a_file_outside_the_folder_is_not_sent(tmp_path: Path) -> None:
    """A path upwards is refused although the file is there."""
    (tmp_path / "files").mkdir()
    [found] = loaded(tmp_path, "text: 您好, attachments: [../server.yaml]").diagnostics
    assert found.code == "unknown-attachment"
    assert (tmp_path / "server.yaml").is_file()

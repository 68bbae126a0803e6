"""The app's words in the person's language: every text that people see goes through `tr`.

`packaging/translations.py` collects what is passed to `tr` and `mark`, and `resources/translations/` has the results.
Texts with numbers or names in them have {places} for these, since other languages have another order.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from facestudio.paths import resources

if TYPE_CHECKING:
    from PySide6.QtCore import QCoreApplication, QLocale, QTranslator

_T = TypeVar("_T")

CONTEXT = "facestudio"


def tr(text: str, /, **values: Any) -> str:
    """Return a text in the person's language, with values for the {places} in it."""
    from PySide6.QtCore import (
        QCoreApplication,  # late: the pipeline's process speaks of these texts too, without Qt
    )

    found = QCoreApplication.translate(CONTEXT, text)
    return found.format(**values) if values else found


def mark(texts: _T, /) -> _T:
    """Mark texts that are translated later, when `tr` is called with them: for tables made at the start."""
    return texts


def lowered(text: str) -> str:
    """Return a text that goes on inside a sentence: its first letter small."""
    return text[:1].lower() + text[1:]


STAGE_NAMES = {
    "landmarks": mark("Landmarks"),
    "retrieval": mark("Similar heads"),
    "shape": mark("Shape"),
    "texture": mark("Texture"),
}
"""What the pipeline's stages are called."""


def install_translators(
    application: "QCoreApplication", locale: "QLocale | None" = None
) -> "list[QTranslator]":
    """Load the app's and Qt's own texts for a locale, the system's by default; returns what was found."""
    from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator

    locale = locale or QLocale.system()
    found: list[QTranslator] = []
    places = (
        ("facestudio", resources() / "translations"),
        ("qtbase", Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath))),
    )
    for name, folder in places:
        translator = QTranslator(application)
        if translator.load(locale, name, "_", str(folder)):
            application.installTranslator(translator)
            found.append(translator)
        elif name == "facestudio":
            break  # buttons of Qt in another language than the rest help nobody
    return found


CORE_TEXTS = "core.json"
"""The texts of the core in resources/translations, with {0}, {1} for the values in them."""


@cache
def core_texts() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the texts of the core and what stands between their values, those that say most first."""
    try:
        found = json.loads((resources() / "translations" / CORE_TEXTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # what the core says then stays English
        return ()
    texts = [(text, tuple(_PLACE.split(text))) for text in found]
    return tuple(sorted(texts, key=lambda pair: (len(pair[1]), -sum(map(len, pair[1])))))


_PLACE = re.compile(r"\{\d+\}")


def _values(parts: tuple[str, ...], text: str) -> tuple[str, ...] | None:
    """Return the values that make this text of what stands between them; None if none do."""
    # Most end here: to compile them all would keep the window waiting.
    if not (text.startswith(parts[0]) and text.endswith(parts[-1])):
        return None
    match = _compiled(parts).fullmatch(text)
    return None if match is None else match.groups()


@cache
def _compiled(parts: tuple[str, ...]) -> "re.Pattern[str]":
    return re.compile("(.+?)".join(re.escape(part) for part in parts), re.DOTALL)


def said(text: str, /) -> str:
    """Return what the core says (an error, advice, a stage) in the person's language.

    The core knows no languages: its finished text is matched with the texts that its sources are made of, which
    `packaging/translations.py` collects (docs/adr/0035). What matches none stays as it is.
    """
    best: tuple[int, str] | None = None
    for template, parts in core_texts():
        found = _values(parts, text)
        if found is None:
            continue
        literal = sum(map(len, parts))
        if best is None or literal > best[0]:
            values = [said(value) if " " in value else value for value in found]
            best = literal, tr(template).format(*values)
    if best is not None:
        return best[1]
    name, colon, rest = text.partition(": ")
    return f"{name}{colon}{said(rest)}" if colon and " " in rest else text

"""The app's words in the person's language: every text that people see goes through `tr`.

`packaging/translations.py` collects what is passed to `tr` and `mark`, and `resources/translations/` has the results.
Texts with numbers or names in them have {places} for these, since other languages have another order.
"""

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

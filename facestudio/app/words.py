"""The app's words in the person's language: every text that people see goes through `tr`.

`packaging/translations.py` collects what is passed to `tr` and `mark`, and `resources/translations/` has the results.
Texts with numbers or names in them have {places} for these, since other languages have another order.
"""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QLocale, QTranslator

from facestudio.paths import resources

CONTEXT = "facestudio"


def tr(text: str, /, **values: Any) -> str:
    """Return a text in the person's language, with values for the {places} in it."""
    found = QCoreApplication.translate(CONTEXT, text)
    return found.format(**values) if values else found


def mark(text: str, /) -> str:
    """Mark a text as one that is translated later, when `tr` is called with it: for tables made at the start."""
    return text


def lowered(text: str) -> str:
    """Return a text that goes on inside a sentence: its first letter small."""
    return text[:1].lower() + text[1:]


def install_translators(application: QCoreApplication, locale: QLocale | None = None) -> list[QTranslator]:
    """Load the app's and Qt's own texts for a locale, the system's by default; returns what was found."""
    from PySide6.QtCore import QLibraryInfo

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

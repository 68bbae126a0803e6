"""What the app remembers between two runs."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSettings

from facestudio.app.document.state import EditState
from facestudio.app.preferences import Preferences, read_preferences, write_preferences

MAX_RECENT = 8


class Settings:
    """What is remembered between two runs: the window's state in QSettings, the preferences in a file beside it.

    Parameters
    ----------
    store
        Where to keep it; the user's own by default.

    Attributes
    ----------
    preferences, preferences_file, preferences_problem
        What the person prefers, where that is written, and what in that file could not be used.
    """

    def __init__(self, store: QSettings | None = None) -> None:
        self._store = store or QSettings(
            QSettings.Format.IniFormat, QSettings.Scope.UserScope, "facestudio", "facestudio"
        )
        self.preferences_file = Path(self._store.fileName()).with_name("preferences.toml")
        self.preferences, self.preferences_problem = read_preferences(self.preferences_file)

    def prefer(self, preferences: Preferences) -> None:
        """Take and write preferences. Raises WriteError if they cannot be written; they hold for this run then."""
        if preferences != self.preferences or self.preferences_problem:
            self.preferences, self.preferences_problem = preferences, ""
            write_preferences(preferences, self.preferences_file)

    @property
    def recent(self) -> list[Path]:
        """Photos opened lately, newest first; those that are gone are left out."""
        value: Any = self._store.value("recent", [])
        names = [value] if isinstance(value, str) else list(value or [])
        return [path for name in names if (path := Path(str(name))).is_file()]

    def add_recent(self, path: Path) -> None:
        """Put a photo at the head of the list."""
        path = path.resolve()
        kept = [path, *(p for p in self.recent if p != path)][:MAX_RECENT]
        self._store.setValue("recent", [str(p) for p in kept])

    def clear_recent(self) -> None:
        """Forget the photos opened lately."""
        self._store.remove("recent")

    def first_state(self) -> EditState:
        """Return what a new photo begins with."""
        scalp: Any = self.preferences.scalp
        return EditState(database=self.preferences.database, scalp=scalp)

    def text(self, key: str, default: str) -> str:
        """Return a remembered text."""
        return str(self._store.value(key, default))

    def flag(self, key: str, default: bool) -> bool:
        """Return a remembered yes or no."""
        return str(self._store.value(key, default)).lower() == "true"

    def number(self, key: str, default: int) -> int:
        """Return a remembered whole number."""
        try:
            return int(str(self._store.value(key, default)))
        except ValueError:
            return default

    def layout(self, key: str) -> QByteArray | None:
        """Return a remembered arrangement of windows, docks or splitters."""
        value: Any = self._store.value(f"layout/{key}")
        return value if isinstance(value, QByteArray) and not value.isEmpty() else None

    def set_layout(self, key: str, state: QByteArray) -> None:
        """Remember an arrangement."""
        self._store.setValue(f"layout/{key}", state)

    def set(self, key: str, value: str | int | bool) -> None:
        """Remember a text, a whole number, or a yes or no."""
        self._store.setValue(key, value)

    def save(self) -> None:
        """Write to disk now."""
        self._store.sync()

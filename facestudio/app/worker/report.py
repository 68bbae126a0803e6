"""An error as the app tells it."""

import platform
import traceback
from dataclasses import dataclass

from facestudio import __version__
from facestudio.app.words import mark
from facestudio.errors import FacestudioError, ModelError, NoFaceError, UnreadableInputError, WriteError

_TITLES: tuple[tuple[type[FacestudioError], str], ...] = (
    (NoFaceError, mark("No face was found")),
    (UnreadableInputError, mark("This cannot be opened")),
    (ModelError, mark("Something is missing")),
    (WriteError, mark("This cannot be saved")),
)


@dataclass(frozen=True)
class ErrorReport:
    """What went wrong.

    Attributes
    ----------
    title
        A few words, not yet translated: reports are also made in the pipeline's process.
    message
        What happened, for people.
    hint
        What could be done about it, or empty.
    detail
        For whoever repairs it: version, system, trace.
    expected
        Whether it is one of the errors people can meet, not a defect.
    """

    title: str
    message: str
    hint: str
    detail: str
    expected: bool

    @classmethod
    def of(cls, error: BaseException) -> "ErrorReport":
        """Describe an exception."""
        expected = isinstance(error, FacestudioError)
        title = next((text for kind, text in _TITLES if isinstance(error, kind)), "")
        if not title:
            title = mark("This did not work") if expected else mark("An internal error")
        message = str(error) or type(error).__name__
        detail = "\n".join(
            [
                f"facestudio {__version__}, Python {platform.python_version()}, {platform.platform()}",
                "",
                *(line.rstrip("\n") for line in traceback.format_exception(error)),
            ]
        )
        return cls(title, message, error.hint if isinstance(error, FacestudioError) else "", detail, expected)

"""The errors a person can meet, each with the exit code the command line gives for it."""

from typing import ClassVar


class FacestudioError(Exception):
    """Base of every expected failure: a message for people and an exit code.

    Attributes
    ----------
    exit_code
        What the command line exits with (1 internal, 2 usage, 3 no face, 4 unreadable input, 5 model or
        database missing or damaged, 6 cannot write, 7 some of several inputs failed, 130 cancelled).
    hint
        What the person could do about it, or an empty string.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(FacestudioError):
    """The request makes no sense (wrong option, unknown name)."""

    exit_code = 2


class NoFaceError(FacestudioError):
    """There is no face in the photo, or not the one asked for."""

    exit_code = 3


class UnreadableInputError(FacestudioError):
    """A file handed in cannot be read as what it should be."""

    exit_code = 4


class ModelError(FacestudioError):
    """A model, the template or a database is missing or damaged, or no ONNX Runtime is installed."""

    exit_code = 5


class WriteError(FacestudioError):
    """A result cannot be written."""

    exit_code = 6


class PartialFailureError(FacestudioError):
    """Some of several inputs failed; the others are done."""

    exit_code = 7


class CancelledError(FacestudioError):
    """The person cancelled the work."""

    exit_code = 130

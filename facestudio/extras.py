"""Libraries that only some commands need: they come with an extra of the package."""

from importlib import import_module
from typing import Any

from facestudio.errors import UsageError


def extra_module(name: str, extra: str, purpose: str) -> Any:
    """Import a module that an extra installs.

    Parameters
    ----------
    name
        Of the module.
    extra
        The extra that installs it: train, evaluate.
    purpose
        What needs it, for the message.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(
            f"{purpose} needs {name.split('.')[0]}", hint=f'Install it: pip install "facestudio[{extra}]"'
        ) from error

"""Home: the directory of the user, in which caches and state have their place."""

from __future__ import annotations

import os
from pathlib import Path


def user_directory(variable: str, default: str) -> Path | None:
    """Return a base directory of the user, as the XDG specification names it.

    Args:
        variable: environment variable with its path; ignored if the path is relative, as the specification
            says.
        default: path below the home directory, used otherwise.

    Returns:
        None if the user has no home directory either: HOME is empty or relative, or it is not set and the
        system does not know the user.
    """
    named = os.environ.get(variable, "")
    if os.path.isabs(named):
        return Path(named)
    home = os.environ.get("HOME")
    home = os.path.expanduser("~") if home is None else home
    return Path(home, default) if os.path.isabs(home) else None

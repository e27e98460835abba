"""Extras: packages that only a part of the library needs, and what to install if one is missing."""

from __future__ import annotations

from importlib import import_module

from rln.errors import ParameterError


def require(package: str, extra: str) -> None:
    """Import a package that is in an extra.

    Args:
        package: name of the package, as in `import`.
        extra: the extra of this library that installs it.

    Raises:
        ParameterError: the package is missing or cannot be imported; the message names the extra to install.
    """
    try:
        import_module(package)
    except ImportError as error:
        raise missing(package, extra, error) from error


def missing(package: str, extra: str | None, reason: ImportError) -> ParameterError:
    """Return the error of a package that cannot be imported.

    Args:
        package: as for `require`.
        extra: as for `require`; None: no extra installs it, because its user chooses it.
        reason: why it cannot be imported.
    """
    wanted = package if extra is None else f"'rln[{extra}]'"
    return ParameterError(
        f"{package}: expected this package to be installed ({reason}); run: pip install {wanted}"
    )

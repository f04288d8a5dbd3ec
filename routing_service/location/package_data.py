"""Data that other packages carry, found without importing them."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from routing_service.errors import MissingExtra


def package_folder(package: str, folder: str, what: str) -> Path:
    """Find a folder of data inside an installed package.

    Raises
    ------
    MissingExtra
        The package or its data is not installed; the message says for `what` it is needed and has
        the command that installs it.
    """
    try:
        found = Path(str(metadata.distribution(package).locate_file(folder)))
    except metadata.PackageNotFoundError:
        found = None
    if found is None or not found.is_dir():
        raise MissingExtra(
            f"{what} need the package {package}, which is not installed; "
            f"run: python -m pip install {package}",
            package=package,
        )
    return found

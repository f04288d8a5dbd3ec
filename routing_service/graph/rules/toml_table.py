"""Reading a profile's TOML: inheritance, types, and no key left unread."""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import ClassVar, Self

from routing_service.errors import HasuError, InvalidProfile

_RECORDS = frozenset({"classes", "grants", "defaults", "barriers", "limit_curve"})
"""Tables whose entries are one value each: an heir replaces an entry, never half of it."""

_MAX_HEIRS = 8


class Table:
    """A TOML table that knows its path and which of its keys have been read.

    Every reader raises `error` that names the key, what is there and what is wanted. Files of
    another kind than profiles have a subclass that says so.
    """

    error: ClassVar[type[HasuError]] = InvalidProfile
    kind: ClassVar[str] = "profile"

    def __init__(self, values: Mapping[str, object], path: str) -> None:
        self._values = values
        self._path = path
        self._read: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        """Keys in the order of the file."""
        return iter(self._values)

    def fail(self, key: str, problem: str) -> HasuError:
        """Make the error for one key of this table."""
        return self.error(f"{self._path}.{key}: {problem}", key=f"{self._path}.{key}")

    def _get(self, key: str) -> object:
        self._read.add(key)
        if key not in self._values:
            raise self.fail(key, f"is missing; every {self.kind} must state it")
        return self._values[key]

    def number(self, key: str, low: float = 0.0, high: float = math.inf) -> float:
        """Read a number in ``low..high``."""
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(key, f"must be a number, not {value!r}")
        if not low <= value <= high:
            raise self.fail(key, f"must be from {low:g} to {high:g}, not {value!r}")
        return float(value)

    def text(self, key: str, choices: tuple[str, ...] = ()) -> str:
        """Read a string, one of `choices` if there are any."""
        value = self._get(key)
        if not isinstance(value, str):
            raise self.fail(key, f"must be a string, not {value!r}")
        if choices and value not in choices:
            raise self.fail(key, f"must be one of {', '.join(choices)}, not {value!r}")
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """Read a list of strings."""
        value = self._get(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fail(key, f"must be a list of strings, not {value!r}")
        return tuple(value)

    def numbers(self, key: str) -> tuple[float, ...]:
        """Read a list of at least two numbers."""
        value = self._get(key)
        numeric = isinstance(value, list) and all(
            isinstance(item, int | float) and not isinstance(item, bool) for item in value
        )
        if not isinstance(value, list) or not numeric or len(value) < 2:
            raise self.fail(key, f"must be a list of at least two numbers, not {value!r}")
        return tuple(float(item) for item in value)

    def table(self, key: str) -> Self:
        """Read a sub-table."""
        value = self._get(key)
        if not isinstance(value, dict):
            raise self.fail(key, f"must be a table, not {value!r}")
        return type(self)(value, f"{self._path}.{key}")

    def tables(self, key: str) -> tuple[Self, ...]:
        """Read a list of tables; none if the key is absent."""
        value = self._get(key) if key in self else []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.fail(key, f"must be a list of tables, not {value!r}")
        return tuple(type(self)(item, f"{self._path}.{key}[{k}]") for k, item in enumerate(value))

    def values(self) -> dict[str, object]:
        """Read everything as it is, for a reader that checks it itself."""
        self._read |= set(self._values)
        return dict(self._values)

    def number_map(self, key: str) -> dict[str, float]:
        """Read a sub-table whose values are all numbers from 0 up."""
        inner = self.table(key)
        return {name: inner.number(name) for name in inner}

    def text_map(self, key: str, choices: tuple[str, ...] = ()) -> dict[str, str]:
        """Read a sub-table whose values are all strings."""
        inner = self.table(key)
        return {name: inner.text(name, choices) for name in inner}

    def finish(self) -> None:
        """Insist that every key was read: a misspelt rule must not be a silent one."""
        unknown = [key for key in self._values if key not in self._read]
        if unknown:
            known = ", ".join(sorted(self._read))
            raise self.fail(unknown[0], f"is not a key of a {self.kind}; known here: {known}")


def load_profile_tables(name_or_path: str | Path) -> tuple[Table, str]:
    """Read a profile and what it extends.

    Parameters
    ----------
    name_or_path
        Name of a shipped profile (``"car"``, ``"blue_light"``) or path of a TOML file.

    Returns
    -------
    tuple
        The merged root table and the SHA-256 of the file's bytes (with those of the profiles
        that it extends, base first, so that a change in either is a change of the hash).

    Raises
    ------
    InvalidProfile
        If there is no such profile, or it is not TOML, or it extends itself.
    """
    chain: list[tuple[bytes, dict[str, object]]] = []
    wanted: str | Path | None = name_or_path
    while wanted is not None:
        if len(chain) == _MAX_HEIRS:
            raise InvalidProfile(f"profile {name_or_path}: extends itself or goes too deep")
        raw = _profile_bytes(wanted)
        values = _parse(raw, wanted)
        chain.insert(0, (raw, values))
        base = values.pop("extends", None)
        if base is not None and not isinstance(base, str):
            raise InvalidProfile(f"profile {wanted}: extends must name a shipped profile")
        wanted = base
    merged: dict[str, object] = {}
    for _, values in chain:
        merged = _merge(merged, values)
    digest = hashlib.sha256(b"".join(raw for raw, _ in chain)).hexdigest()
    return Table(merged, f"profile {chain[-1][1].get('name', name_or_path)}"), digest


def _profile_bytes(name_or_path: str | Path) -> bytes:
    shipped = resources.files("routing_service.graph") / "profiles" / f"{name_or_path}.toml"
    if isinstance(name_or_path, str) and name_or_path.isidentifier() and shipped.is_file():
        return shipped.read_bytes()
    try:
        return Path(name_or_path).read_bytes()
    except OSError as error:
        raise InvalidProfile(
            f"profile {name_or_path}: neither the name of a shipped profile (car, blue_light) "
            f"nor a readable file ({error.strerror})"
        ) from error


def _parse(raw: bytes, name_or_path: str | Path) -> dict[str, object]:
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidProfile(f"profile {name_or_path}: not a TOML file: {error}") from error


def _merge(base: dict[str, object], heir: dict[str, object]) -> dict[str, object]:
    """Lay the heir's keys over the base's; lists and records are replaced whole."""
    merged = dict(base)
    for key, value in heir.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = {**below, **value} if key in _RECORDS else _merge(below, value)
        else:
            merged[key] = value
    return merged

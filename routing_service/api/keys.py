"""Keys: who may ask and who may change the state, from a file that is re-read when it changes.

A key is 256 random bits, so one salted SHA-256 guards it as well as a slow hash would guard a
password, and costs a request a microsecond. The file holds no key, only what proves one::

    [[key]]
    name = "control room"  # recorded with every event that the key makes
    role = "controller"  # or "dispatch"
    salt = "…"  # hexadecimal
    sha256 = "…"  # of salt and key
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from routing_service.errors import InvalidKeys

log = logging.getLogger(__name__)

Role = Literal["dispatch", "controller"]
ROLES: tuple[Role, ...] = get_args(Role)
"""``dispatch`` asks; ``controller`` asks and changes closures and statuses."""

SALT_BYTES = 16
KEY_BYTES = 32
MAX_NAME = 80
MAX_GIVEN = 256
"""A longer text is no key of ours, and hashing it would be work for nothing."""

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Key:
    """One key as the file knows it."""

    name: str
    role: Role
    salt: bytes
    sha256: bytes

    def proves(self, given: bytes) -> bool:
        """Whether `given` is this key; takes the same time whatever the answer."""
        return hmac.compare_digest(_hash(self.salt, given), self.sha256)

    def as_toml(self) -> str:
        """The table that the file keeps. The name was checked, so it needs no escapes."""
        return (
            f'[[key]]\nname = "{self.name}"\nrole = "{self.role}"\n'
            f'salt = "{self.salt.hex()}"\nsha256 = "{self.sha256.hex()}"\n'
        )


def new_key(name: str, role: Role) -> tuple[str, Key]:
    """Make a key: the text to hand out, which is kept nowhere, and what goes into the file.

    Raises
    ------
    InvalidKeys
        The name is empty, too long or has characters that a log line should not hold.
    """
    _check_name(name, "the new key")
    given = secrets.token_urlsafe(KEY_BYTES)
    salt = secrets.token_bytes(SALT_BYTES)
    return given, Key(name, role, salt, _hash(salt, given.encode()))


class KeyRing:
    """The keys of a file, always those of its present content.

    A file that can no longer be read leaves the last good keys in force and is told in the log: a
    slip of an editor must not lock every control room out.

    Parameters
    ----------
    path
        The file of `HASU_API_KEYS_FILE`.

    Raises
    ------
    InvalidKeys
        At the start, if the file cannot be read or has no keys.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._keys = read_keys(path)

    def holder(self, given: str) -> Key | None:
        """The key that `given` is, or None. Every key is tried, so time tells nothing."""
        self._refresh()
        if len(given) > MAX_GIVEN:
            return None
        found = None
        text = given.encode("utf-8", "replace")
        for key in self._keys:
            if key.proves(text):
                found = key
        return found

    def _refresh(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._keys = read_keys(self._path)
        except InvalidKeys as error:
            log.error("keys unchanged: %s", error.detail)
        else:
            log.warning("keys read again: %d in force", len(self._keys))


def read_keys(path: Path) -> tuple[Key, ...]:
    """Read a file of keys.

    Raises
    ------
    InvalidKeys
        Naming the file and the key, never what the key is.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidKeys(f"{path} cannot be read as a file of keys: {error}") from error
    tables = document.pop("key", [])
    if document or not isinstance(tables, list) or not tables:
        raise InvalidKeys(f"{path}: needs [[key]] tables and nothing else; see `hasu keys new`")
    keys = tuple(_key(table, f"{path}, key {n}") for n, table in enumerate(tables, start=1))
    names = [key.name for key in keys]
    for name in names:
        if names.count(name) > 1:
            raise InvalidKeys(f"{path}: two keys are named {name!r}; events could not tell who")
    return keys


def _key(table: object, where: str) -> Key:
    if not isinstance(table, dict) or set(table) != {"name", "role", "salt", "sha256"}:
        raise InvalidKeys(f"{where}: needs exactly name, role, salt and sha256")
    name = _check_name(table["name"], where)
    if table["role"] not in ROLES:
        raise InvalidKeys(f"{where} ({name}): role must be one of {', '.join(ROLES)}")
    salt = _hex(table, "salt", SALT_BYTES, where)
    return Key(name, cast(Role, table["role"]), salt, _hex(table, "sha256", 32, where))


def _check_name(name: object, where: str) -> str:
    plain = isinstance(name, str) and name.isprintable() and not set(name) & {'"', "\\"}
    if not plain or not 1 <= len(str(name).strip()) <= MAX_NAME:
        raise InvalidKeys(
            f"{where}: a name is 1 to {MAX_NAME} printable characters without quotes or backslashes"
        )
    return str(name)


def _hex(table: Mapping[str, object], field: str, size: int, where: str) -> bytes:
    try:
        value = bytes.fromhex(cast(str, table[field]))
    except (TypeError, ValueError):
        value = b""
    if len(value) != size:
        raise InvalidKeys(f"{where}: {field} must be {2 * size} hexadecimal digits")
    return value


def _hash(salt: bytes, given: bytes) -> bytes:
    return hashlib.sha256(salt + given).digest()


def _stamp(path: Path) -> Stamp | None:
    """What changes when a file is written or replaced; None while it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino

"""A chain of records: each holds a hash over itself and the hash before it.

A record is one line of canonical JSON: keys sorted, no blanks, and ``hash`` at the very end::

    {"kind":"decision",…,"seq":17,"hash":"9f3c…"}

The hash is the SHA-256 of the hash before it, as 64 hexadecimal characters, followed by the record
without its own hash. Whoever changes, removes or moves a record must change every hash behind it,
up to one that somebody has noted elsewhere. No secret is involved: anyone may check.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

FIRST: Final = "0" * 64
"""The hash before the first record of a chain."""

_BEFORE_HASH: Final = b',"hash":"'
_AFTER_HASH: Final = b'"}'
_SUFFIX: Final = len(_BEFORE_HASH) + 64 + len(_AFTER_HASH)

_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False,
    allow_nan=False,
    check_circular=False,
    sort_keys=True,
    separators=(",", ":"),
)


def canonical(record: Mapping[str, Any]) -> str:
    """The one way to write a record: keys sorted, no blanks.

    Examples
    --------
    >>> canonical({"seq": 1, "kind": "end"})
    '{"kind":"end","seq":1}'
    """
    return _ENCODER.encode(record)


def seal(previous: str, body: str) -> tuple[bytes, str]:
    """Close a record behind the one whose hash is `previous`.

    Returns
    -------
    tuple
        The line, with its end, and its hash.
    """
    content = body.encode("utf-8", "replace")
    own = sha256(previous.encode() + content).hexdigest()
    return content[:-1] + b',"hash":"' + own.encode() + b'"}\n', own


def split(line: bytes) -> tuple[bytes, str] | None:
    """Content and hash of a line without its end; None if it is no sealed record."""
    content, hash_part = line[:-_SUFFIX], line[-_SUFFIX:]
    sealed = hash_part.startswith(_BEFORE_HASH) and hash_part.endswith(_AFTER_HASH)
    if not (sealed and content.startswith(b"{")):
        return None
    return content + b"}", hash_part[len(_BEFORE_HASH) : -len(_AFTER_HASH)].decode("latin-1")


def holds(previous: str, content: bytes, own: str) -> bool:
    """Whether `own` is the hash of `content` behind `previous`."""
    return sha256(previous.encode("latin-1") + content).hexdigest() == own

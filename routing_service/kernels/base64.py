"""Base64 without the interpreter lock: the trail writes as many bytes as all replies together."""

from __future__ import annotations

import numpy as np

from routing_service.kernels.jit import kernel
from routing_service.units import ByteArray

_LETTERS = np.frombuffer(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", dtype=np.uint8
)
PAD = 61


def base64(data: ByteArray) -> bytes:
    """Text of some bytes (RFC 4648, section 4).

    Parameters
    ----------
    data
        ``uint8``, of any shape; row by row.
    """
    given = data.flatten()  # writable, as compiled code tells the two apart
    text = np.empty((len(given) + 2) // 3 * 4, dtype=np.uint8)
    encode(given, _LETTERS, text)
    return text.tobytes()


@kernel
def encode(data: ByteArray, letters: ByteArray, text: ByteArray) -> None:
    """Write the text of `data`, ``uint8[n]``, to `text`, ``uint8[(n + 2) // 3 * 4]``."""
    whole = data.shape[0] // 3
    for i in range(whole):
        a, b, c = int(data[3 * i]), int(data[3 * i + 1]), int(data[3 * i + 2])
        text[4 * i] = letters[a >> 2]
        text[4 * i + 1] = letters[(a & 3) << 4 | b >> 4]
        text[4 * i + 2] = letters[(b & 15) << 2 | c >> 6]
        text[4 * i + 3] = letters[c & 63]
    left = data.shape[0] - 3 * whole
    if left > 0:
        a = int(data[3 * whole])
        b = int(data[3 * whole + 1]) if left == 2 else 0
        text[4 * whole] = letters[a >> 2]
        text[4 * whole + 1] = letters[(a & 3) << 4 | b >> 4]
        text[4 * whole + 2] = letters[(b & 15) << 2] if left == 2 else PAD
        text[4 * whole + 3] = PAD

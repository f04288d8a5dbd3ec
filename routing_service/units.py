"""Number formats and physical units, stated once for the whole package.

Names carry their unit: ``_ms`` (milliseconds, ``int32``), ``_cm`` (centimetres, ``int32``),
``_e7`` (degrees x 10**7, ``int32``, as OpenStreetMap stores positions), ``_m``, ``_kph``,
``_deg``. ``minutes`` and ``km`` appear only where people read: JSON, reports and tables.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

INF_MS = 2**30 - 1
"""No route. Half the ``int32`` range, so that the sum of two labels cannot overflow."""

NONE = -1
"""No such index: a missing edge, twin, name or unit."""

E7 = 10_000_000
"""Position units per degree; one unit is 11 mm or less."""

assert 2 * INF_MS <= np.iinfo(np.int32).max

IntArray = npt.NDArray[np.int32]
LongArray = npt.NDArray[np.int64]
ByteArray = npt.NDArray[np.uint8]
FlagArray = npt.NDArray[np.uint16]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

MS_PER_MINUTE = 60_000
CM_PER_M = 100
CM_PER_KM = 100_000

METRES_PER_DEGREE = 111_319.490_793
"""Metres in one degree of the WGS84 equator; latitude-dependent factors are in `geo`."""


def minutes_from_ms(ms: int) -> float:
    """Round a time to a tenth of a minute, the precision that people are shown; halves go up.

    Whole-number arithmetic: three times as quick as ``round``, and the same everywhere.

    Examples
    --------
    >>> minutes_from_ms(1_098_000)
    18.3
    """
    return (ms + 3_000) // 6_000 / 10


def km_from_cm(cm: int) -> float:
    """Round a length to a tenth of a kilometre; halves go up.

    Examples
    --------
    >>> km_from_cm(1_720_000)
    17.2
    """
    return (cm + 5_000) // 10_000 / 10

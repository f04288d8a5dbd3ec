"""Settings: every one is a field of `Settings`, a variable ``HASU_…`` and a row of the README.

Nothing else in the package reads the environment. A value that cannot be used and a name that
does not exist are errors, so that a misspelt variable is not a setting silently left alone.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from routing_service.errors import InvalidSettings

PREFIX = "HASU_"
DEFAULT_GRAPH = Path("graphs/south_yorkshire.graph")

T = TypeVar("T")
Value = str | int | float | Path | None


def default_region() -> Path:
    """Return the folder of the default network: the checkout's, or the copy in the package."""
    package = Path(__file__).parent
    checkout = package.parent / "graphs" / "south_yorkshire"
    return checkout if checkout.is_dir() else package / "regions" / "south_yorkshire"


@dataclass(frozen=True, slots=True)
class Setting:
    """What people are told about one setting, and what it may be.

    `low` and `high` are inclusive limits of a number, in `unit`; `choices` are all that a text may
    be, where not any will do.
    """

    name: str
    default: Value
    unit: str
    help: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return PREFIX + self.name.upper()

    @property
    def allowed(self) -> str:
        """What a value may be, in words."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if not isinstance(self.default, int | float):
            return "a path" if self.unit == "path" else "a text"
        kind = "a whole number" if isinstance(self.default, int) else "a number"
        return f"{kind} from {self.low:g} to {self.high:g}"

    def parse(self, text: str, origin: str) -> Value:
        """Read a value; `origin` is the variable or option that an error names."""
        kind: type[Any] = Path if self.unit == "path" else type(self.default)
        try:
            value: Value = kind(text)
            usable = bool(text.strip())
            if isinstance(value, int | float):
                usable = self.low <= value <= self.high
            if self.choices:
                usable = value in self.choices
        except ValueError:
            usable = False
        if not usable:
            raise InvalidSettings(
                f"{origin}={text!r} cannot be used: {self.allowed} is needed",
                setting=self.name,
                value=text,
            )
        return value


def _setting(
    default: T,
    unit: str,
    help: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    choices: tuple[str, ...] = (),
) -> T:
    """Declare a field with what a `Setting` needs besides name and default."""
    metadata = {"unit": unit, "help": help, "low": low, "high": high, "choices": choices}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of a process, checked.

    Examples
    --------
    >>> Settings.from_env({"HASU_PORT": "9000"}).port
    9000
    """

    graph: Path = _setting(DEFAULT_GRAPH, "path", "The graph file that answers.")
    units: Path | None = _setting(
        None, "path", "Units file for `hasu build`; without it, the four units of the region."
    )
    host: str = _setting("127.0.0.1", "address", "Address that `hasu serve` listens on.")
    port: int = _setting(
        8000, "port", "Port that `hasu serve` listens on; 0 takes a free one.", low=0, high=65535
    )
    workers: int = _setting(
        1, "processes", "Processes of `hasu serve`; they share one map.", low=1, high=256
    )
    max_connections: int = _setting(
        1000,
        "connections",
        "Connections that each process serves; those beyond are told to come back.",
        low=1,
        high=30_000,
    )
    shed_after_ms: float = _setting(
        500.0,
        "ms",
        "A request that has waited longer than this is refused with 503 and Retry-After.",
        low=1,
        high=60_000,
    )
    drain_seconds: float = _setting(
        0.0,
        "s",
        "How long `/readyz` says no, after a stop was asked for, before connections are refused.",
        low=0,
        high=600,
    )
    snap_limit_m: float = _setting(
        2000.0, "m", "An incident further than this from any road is refused.", low=1, high=50_000
    )
    poor_snap_m: float = _setting(
        100.0,
        "m",
        "Beyond this distance from a road the snap is marked `poor`.",
        low=0,
        high=50_000,
    )
    near_tie_minutes: float = _setting(
        2.0, "minutes", "A margin below this is a near tie.", low=0, high=120
    )
    store: str = _setting(
        "",
        "URL",
        "Where events are kept, `sqlite:///…` or `postgresql://…`; without it the state is fixed.",
    )
    stale_limit_s: float = _setting(
        60.0,
        "s",
        "A worker that has not reached the store for this long says that it is not ready.",
        low=1,
        high=86_400,
    )
    policy: Path | None = _setting(
        None, "path", "Which units each area may use; without it, all units everywhere."
    )
    api_keys_file: Path | None = _setting(
        None, "path", "Keys that requests need, made by `hasu keys`; without it, none is needed."
    )
    open_access: int = _setting(
        0, "0 or 1", "1 serves without keys on an address that others can reach.", low=0, high=1
    )
    audit: str = _setting(
        "relaxed",
        "mode",
        "Audit trail: `relaxed` writes behind the reply, `strict` before it, `off` none.",
        choices=("relaxed", "strict", "off"),
    )
    audit_dir: Path = _setting(
        Path("audit"), "path", "Folder of the audit trail, one for each host."
    )
    audit_days: int = _setting(
        0,
        "days",
        "Audit segments that ended longer ago are removed; 0 keeps all.",
        low=0,
        high=100_000,
    )

    @classmethod
    def from_env(cls, env: Mapping[str, str], **overrides: Value) -> Settings:
        """Read the settings from the environment and, before it, from options.

        Parameters
        ----------
        env
            Usually ``os.environ``.
        **overrides
            Values by setting name; None means not given.

        Raises
        ------
        InvalidSettings
            A value out of range or of the wrong kind, or an unknown ``HASU_`` variable.
        """
        known = {setting.variable: setting for setting in SETTINGS}
        _refuse_unknown(env, list(known))
        values: dict[str, Value] = {}
        for variable, setting in known.items():
            given = overrides.pop(setting.name, None)
            if given is not None:
                option = "--" + setting.name.replace("_", "-")
                values[setting.name] = setting.parse(str(given), option)
            elif variable in env:
                values[setting.name] = setting.parse(env[variable], variable)
        if overrides:
            raise TypeError(f"no such setting: {', '.join(sorted(overrides))}")
        return cls(**values)  # type: ignore[arg-type]  # each was parsed to its field's type


SETTINGS: tuple[Setting, ...] = tuple(
    Setting(f.name, cast("Value", f.default), **f.metadata) for f in fields(Settings)
)


def _refuse_unknown(env: Mapping[str, str], known: list[str]) -> None:
    for name in sorted(env):
        if name.startswith(PREFIX) and name not in known:
            # The prefix is common to all, so it would make everything look near.
            ends = [variable.removeprefix(PREFIX) for variable in known]
            near = difflib.get_close_matches(name.removeprefix(PREFIX), ends, n=1)
            hint = f"did you mean {PREFIX}{near[0]}?" if near else f"known are {', '.join(known)}"
            raise InvalidSettings(f"{name} is not a setting; {hint}", setting=name)

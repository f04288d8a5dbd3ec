"""The Python example of the README runs as it stands, on the default network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from routing_service.config import DEFAULT_GRAPH

ROOT = Path(__file__).parents[2]


def test_the_example_of_the_readme_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (ROOT / DEFAULT_GRAPH).exists():
        pytest.skip(f"{DEFAULT_GRAPH} is not built: make graph")
    monkeypatch.chdir(ROOT)
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    names: dict[str, Any] = {}
    exec(example, names)  # the document is ours
    printed = capsys.readouterr().out
    assert printed.startswith("Pinderfields Hospital ")
    assert names["table"]["destination_ods_code"].tolist() == ["RXF05", "RHQHH"]
    ends = [names["streets"].nodes[names["nodes"][k]] for k in (0, -1)]
    for end, (lon, lat) in zip(ends, (names["way"].points[k] for k in (0, -1)), strict=True):
        assert (end["x"], end["y"]) == pytest.approx((lon, lat), abs=0.02)

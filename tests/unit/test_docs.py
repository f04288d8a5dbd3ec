"""The documents say what is there, all of it, and nothing else."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from routing_service.answer import DOUBTS
from routing_service.cli import COMMANDS, make_parser, shield
from routing_service.commands.command import Command
from routing_service.config import SETTINGS
from routing_service.decision import words
from routing_service.graph.graph_file import DTYPES, FORMAT_VERSION, HEADER, MAGIC
from tests import api_scene

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FORMAT = (ROOT / "graphs" / "README.md").read_text(encoding="utf-8")


def table(text: str, heading: str) -> list[list[str]]:
    """Rows of the table whose first heading cell is `heading`, without the heading."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(f"| {heading} |"):
            next(lines)
            return [list(cells(row)) for row in iter(lambda: next(lines, ""), "")]
    raise AssertionError(f"no table that starts with {heading}")


def cells(row: str) -> Iterator[str]:
    return (cell.strip() for cell in row.strip("|").split("|"))


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


# --- settings ------------------------------------------------------------------------------
def test_the_readme_lists_every_setting_as_it_is_declared() -> None:
    documented = table(README, "variable")
    declared = [
        [
            f"`{setting.variable}`",
            "" if setting.default in (None, "") else f"`{setting.default}`",
            setting.unit,
            setting.help,
        ]
        for setting in SETTINGS
    ]
    assert documented == declared


# --- commands ------------------------------------------------------------------------------
def test_the_readme_lists_every_command() -> None:
    documented = [row[0] for row in table(README, "command")]
    assert documented == [f"`hasu {command.name}`" for command in COMMANDS]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_shows_an_example_that_parses(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        make_parser().parse_args([command.name, "--help"])
    shown = capsys.readouterr().out
    examples = shown.partition("Example:\n")[2].splitlines()
    assert examples
    for example in examples:
        assert_parses(example)


def test_every_command_line_in_the_documents_parses() -> None:
    text = README + FORMAT
    fence = r"```\w*\n(.*?)```"
    lines = [
        line.removeprefix("$ ")
        for block in re.findall(fence, text, flags=re.DOTALL)
        for line in block.splitlines()
    ]
    # In running text a command may be named without what it needs: `hasu decide`.
    prose = re.sub(fence, "", text, flags=re.DOTALL)
    lines += [code for code in quoted(prose) if len(code.split()) > 2]
    shown = [line for line in lines if line.startswith("hasu ")]
    assert len(shown) >= 5
    for line in shown:
        assert_parses(line)


def assert_parses(line: str) -> None:
    words = shlex.split(line, comments=True)
    try:
        make_parser().parse_args(shield(words[words.index("hasu") + 1 :]))
    except SystemExit:
        pytest.fail(f"does not parse: {line}")


def test_the_readme_names_every_make_target() -> None:
    targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert [t for t in targets if t != "help" and f"make {t}" not in README] == []


# --- routes --------------------------------------------------------------------------------
def test_the_readme_lists_every_route_of_the_api() -> None:
    described = api_scene.client().get("/openapi.json").json()["paths"]
    served = {f"{method.upper()} {path}" for path, item in described.items() for method in item}
    documented = {route for row in table(README, "route") for route in quoted(row[0])}
    # The pages are served too, but are not part of the API's own description.
    assert documented - {"GET /", "GET /docs", "GET /openapi.json", "GET /metrics"} == served


# --- flags ---------------------------------------------------------------------------------
def test_the_readme_explains_every_flag() -> None:
    raised = set(DOUBTS)
    for part in ("live", "decision"):
        for path in sorted((ROOT / "routing_service" / part).glob("*.py")):
            for line in path.read_text().splitlines():
                if re.search(r"flags( \+?= |\.append)|, flags = |doubts = \(", line):
                    raised |= set(re.findall(r'"([a-z_]+)"', line))
    explained = {flag for row in table(README, "flag") for flag in quoted(row[0])}
    assert explained == raised == set(words.FLAGS)


# --- the graph file ------------------------------------------------------------------------
def test_the_format_lists_every_section_with_its_dtype() -> None:
    documented = {
        name: dtype for names, dtype, *_ in table(FORMAT, "section") for name in quoted(names)
    }
    written = {
        name: np.dtype(array.dtype).str[1:] for name, array in api_scene.graph().sections().items()
    }
    assert documented == written


def test_the_format_lists_every_key_of_the_manifest() -> None:
    tables = FORMAT.split("### What the builder records")[1]
    documented = {name for row in table(tables, "key") for name in quoted(row[0])}
    assert documented == set(api_scene.graph().manifest)


def test_the_byte_table_is_the_header() -> None:
    rows = table(FORMAT, "offset")
    sizes = [int(row[1]) for row in rows if row[0].isdigit() and row[1].isdigit()]
    offsets = [int(row[0]) for row in rows if row[0].isdigit()]
    assert sum(sizes) == HEADER.size
    assert offsets == [sum(sizes[:i]) for i in range(len(sizes) + 1)]
    assert f"`{MAGIC.decode()}`" in rows[0][2]
    assert table(FORMAT, "version")[-1][0] == str(FORMAT_VERSION)
    for dtype in DTYPES:
        assert dtype.replace("|", "&#124;").replace("<", "&lt;") in FORMAT


# --- what everyone sees --------------------------------------------------------------------
def test_links_inside_the_repository_lead_somewhere() -> None:
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "graphs").rglob("*.md")]):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"

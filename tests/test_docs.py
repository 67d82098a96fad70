"""Docs as a test: commands exist, words are explained, links lead somewhere."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from state.pushes import PushState
from state.worklist import Cause, FlagState
from sync.classify import Kind
from sync.cli import app
from sync.settings import Settings, load
from sync.settings_errors import every_path, shown

ROOT = Path(__file__).parent.parent
PAGES = [
    path
    for path in sorted(ROOT.rglob("*.md"))
    if not {".venv", ".git", "build", "mutants", "node_modules"} & set(path.parts)
]
GLOSSARY = (ROOT / "docs/glossary.md").read_text()
COMMANDS = (ROOT / "docs/commands.md").read_text()
LATER = {"worker", "web", "user"}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def leaves(group: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, (*before, name))
        else:
            yield (*before, name)


TREE: Any = typer.main.get_command(app)
EVERY = sorted(leaves(TREE))


def known(words: list[str]) -> tuple[str, ...]:
    """The command that these words begin with. Raises KeyError for a word nobody knows."""
    here: Any = TREE
    path: tuple[str, ...] = ()
    for word in words:
        if not hasattr(here, "commands"):
            break
        if word.startswith("-"):
            continue
        here = here.commands[word]
        path = (*path, word)
    return path


def shell_lines(text: str) -> Iterator[str]:
    for block in re.findall(r"```(?:sh|bash)?\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            found = re.match(r"\s*(?:\$ )?(tieout .*)", line)
            if found:
                yield found[1].partition("  #")[0]


def mentioned(text: str) -> Iterator[str]:
    yield from shell_lines(text)
    for inline in re.findall(r"`(tieout [^`]+)`", text):
        yield inline.partition("|")[0]


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_command_that_a_page_names_exists(path: Path) -> None:
    for line in mentioned(path.read_text()):
        words = shlex.split(line)[1:]
        if "COMMAND" in words or words == [] or words[0].startswith("--"):
            continue
        command = known(words)
        options = {word.partition("=")[0] for word in words if word.startswith("-")}
        here: Any = TREE
        for word in command:
            here = here.commands[word]
        offered = {name for param in here.params for name in param.opts} | {"--help", "-h"}
        assert options <= offered, f"{line}: {options - offered}"


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_every_command_has_help_and_stands_in_the_docs(command: tuple[str, ...]) -> None:
    shown_help = CliRunner().invoke(app, [*command, "--help"])
    assert shown_help.exit_code == 0
    assert f"`tieout {' '.join(command)}`" in COMMANDS
    here: Any = TREE
    for word in command:
        here = here.commands[word]
    assert (here.help or "").rstrip().endswith(".")
    for param in here.params:
        has_help = getattr(param, "help", None) or param.param_type_name == "argument"
        assert has_help, f"{' '.join(command)}: {param.name} has no help"


def test_the_docs_name_no_command_that_is_not_there() -> None:
    for row in re.findall(r"(?m)^\| `tieout ([^`]+)` \|", COMMANDS):
        assert tuple(row.split()) in EVERY
    assert not {word for command in EVERY for word in command} & LATER


def test_commands_that_print_take_json_and_a_configuration() -> None:
    silent = {("run",), ("core", "serve"), ("sandbox", "stripe"), ("report",)}
    without_settings = {("demo",), ("sandbox", "stripe"), ("simulate",)}
    for command in EVERY:
        here: Any = TREE
        for word in command:
            here = here.commands[word]
        names = {name for param in here.params for name in param.opts}
        assert "--json" in names or command in silent, command
        assert {"-c", "--config"} <= names or command in without_settings, command


@pytest.mark.parametrize("word", [*Kind, *Cause, *FlagState, *PushState])
def test_every_kind_cause_and_state_is_explained(word: str) -> None:
    assert re.search(rf"(?m)^\| {word} \| .{{4,}} \|$", GLOSSARY) or re.search(
        rf"\b{word}\b.*(?:→|\.)", GLOSSARY
    ), f"{word} is not in docs/glossary.md"


def test_the_glossary_explains_kinds_from_best_to_worst() -> None:
    rows = re.findall(r"(?m)^\| ([A-Z_]+) \|", GLOSSARY)
    kinds = [row for row in rows if row in set(Kind)]
    assert kinds[: len(Kind)] == [kind.value for kind in Kind]


def test_every_setting_is_explained_in_the_example() -> None:
    example = (ROOT / "config.example.yaml").read_text()
    for path in every_path(Settings):
        assert re.search(rf"(?m)^\s*#?\s*{path[-1]}\b", example), shown(path)


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_configuration_that_a_page_shows_is_sound(path: Path, tmp_path: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL):
        if block.split(":")[0] in Settings.model_fields:  # else it is a part of one
            (tmp_path / "config.yaml").write_text(block)
            load(tmp_path / "config.yaml")


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", target):
            assert (path.parent / target.partition("#")[0]).exists(), target
    # A file of this checkout that a page names in words.
    for name in re.findall(r"`((?:docs|sync|state|connectors|tests)/[\w./-]+\.\w+)`", text):
        assert (ROOT / name).exists(), name


def test_the_readme_shows_the_way_in() -> None:
    text = (ROOT / "README.md").read_text()
    for page in ("docs/glossary.md", "docs/the-walk.md", "docs/commands.md"):
        assert page in text, f"the README does not name {page}"
    for target in re.findall(r"(?m)^make ([a-z-]+)", text):
        assert re.search(rf"(?m)^{target}:", (ROOT / "Makefile").read_text()), target

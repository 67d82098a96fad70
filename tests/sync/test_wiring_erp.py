"""From settings to registers; and the table of what each can tell, as the docs have it."""

import random
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from connectors.erp.file_drop import FileDrop
from connectors.erp.odoo import Odoo
from connectors.erp.tryton import Tryton
from connectors.ports import Capabilities, FlagBoard
from sync.doctor import told
from sync.secrets import SecretUnusable
from sync.settings import parse
from sync.wiring import SystemClock
from sync.wiring_erp import MAKERS, boards_of
from tests.sync.test_showing import Board

PAGE = Path(__file__).parents[2] / "docs/erp/README.md"
CONFIG = b"""
erp:
  - {name: files, kind: file, folder: exports}
  - {name: new, kind: odoo, base_url: "https://odoo.example.com", token: "env:T_KEY"}
  - {name: old, kind: odoo, base_url: "https://odoo.example.com", token: "env:T_KEY",
     api: jsonrpc, login: robot, database: acme, show_flags: true}
  - {name: ty, kind: tryton, base_url: "https://ty.example.com", database: acme,
     token: "env:T_KEY"}
"""


def registers() -> list[Any]:
    settings = parse(CONFIG)
    rng = random.Random(1)
    return [MAKERS[erp.kind](erp, SystemClock(), rng) for erp in settings.erp]


def test_each_kind_makes_its_register(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_KEY", "a-key-nobody-may-see")
    made = registers()
    assert [type(one) for one in made] == [FileDrop, Odoo, Odoo, Tryton]
    assert [one.target for one in made] == ["files", "new", "old", "ty"]
    assert "a-key" not in repr(made)


def test_a_secret_that_is_not_there_names_its_erp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("T_KEY", raising=False)
    with pytest.raises(SecretUnusable, match="erp new: token"):
        registers()


def test_flags_are_shown_only_where_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("T_KEY", "a-key-nobody-may-see")
    made = registers()
    assert list(boards_of(parse(CONFIG), made)) == ["old"]
    assert isinstance(made[1], FlagBoard)
    assert isinstance(Board(), FlagBoard)
    assert not isinstance(made[3], FlagBoard)


def row(name: str, page: str, one: Capabilities) -> str:
    return f"| [{name}]({page}.md) | {' | '.join(told(one).values())} |"


def test_the_docs_have_the_table_that_doctor_prints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("T_KEY", "a-key-nobody-may-see")
    files, odoo, _, tryton = registers()
    rows = [
        row("files", "file", files.capabilities),
        row("Odoo", "odoo", odoo.capabilities),
        row("Tryton", "tryton", tryton.capabilities),
    ]
    vendors = {
        "NetSuite": "netsuite",
        "QuickBooks Online": "quickbooks",
        "Xero": "xero",
        "Sage Intacct": "intacct",
        "Business Central": "business_central",
    }
    rows += [
        row(name, page, import_module(f"connectors.erp.{page}").CAPABILITIES)
        for name, page in vendors.items()
    ]
    text = PAGE.read_text()
    assert [one for one in rows if one not in text] == []

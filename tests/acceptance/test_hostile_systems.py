"""Systems that answer nonsense: one clear line, exit 2, nothing pushed, the books intact."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from connectors.localcore import service as core_service
from connectors.redaction import Secret
from connectors.sandbox import service as stripe_service
from connectors.sandbox.operator import Operator
from connectors.wire import Wire
from sync.cli import main
from sync.demo_company import Story
from sync.wiring import SystemClock
from tests.acceptance.processes import CORE_TOKEN, SECRETS, STRIPE_KEY
from tests.acceptance.proxy import (
    EMPTY_PAGE,
    Answer,
    Proxy,
    after,
    endless,
    every_number,
    says,
    word,
)

CUSTOMERS, INVOICES = r"/v1/customers\?", r"/invoices\?"
BILLING, CREDITS = "getCustomerBilling", "customerCredits/list"


class World:
    """A company whose first pass is done, with a proxy before each system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        begin = datetime(2026, 9, 1, tzinfo=UTC)
        self._core = core_service.start(
            folder / "core", token=CORE_TOKEN, clock_kind="manual", now=begin
        )
        self._stripe = stripe_service.start()
        self.core, self.stripe = Proxy(self._core.url), Proxy(self._stripe.url)
        wire = Wire(
            self._core.url, clock=SystemClock(), rng=Random(1), token=Secret(CORE_TOKEN)
        )
        self.story = Story(wire, Operator(self._stripe.url, STRIPE_KEY))
        core_service.set_clock(folder / "core", datetime(2026, 9, 20, tzinfo=UTC))
        for number, name in enumerate(self.story.customers):
            self.story.use(name, f"u{number}", 1000, "2026-09-10")
        core_service.set_clock(folder / "core", datetime(2026, 10, 2, 12, tzinfo=UTC))
        config = {
            "core": {
                "kind": "metronome",
                "base_url": self.core.url,
                "token": "env:CORE_TOKEN",
            },
            "stripe": {
                "api_key": "env:STRIPE_KEY",
                "api_base": self.stripe.url,
                "requests_per_second": 100,
            },
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config))

    def kept(self) -> list[tuple[Any, ...]]:
        """What the books say, apart from when somebody last looked."""
        with sqlite3.connect(self.folder / ".tieout/state.db") as db:
            rows = db.execute("SELECT * FROM current ORDER BY kind, id")
            audit = db.execute("SELECT * FROM audit ORDER BY 1")
            return [*rows, *audit]

    def stop(self) -> None:
        for one in (self.core, self.stripe, self._core, self._stripe):
            one.stop()


def command(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(words)
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("hostile"))
    yield world
    world.stop()


@pytest.fixture
def world(shared: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.chdir(shared.folder)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    if not (shared.folder / ".tieout/state.db").exists():
        assert command("sync") == 0
    shared.stripe.writes.clear()
    yield shared
    shared.core.misbehave("", None)
    shared.stripe.misbehave("", None)


HTML = says(b"<html>log in</html>", kind="text/html")
HALF = after(lambda body: body[: len(body) // 2])
NONSENSE: list[tuple[str, str, Answer, str]] = [
    ("html", CUSTOMERS, HTML, "not JSON"),
    ("html", INVOICES, HTML, "not JSON"),
    ("html", BILLING, HTML, "not JSON"),
    ("html", CREDITS, HTML, "not JSON"),
    ("half", CUSTOMERS, HALF, "no JSON"),
    ("half", INVOICES, HALF, "no JSON"),
    ("half", CREDITS, HALF, "no JSON"),
    ("bytes", CUSTOMERS, says(bytes(range(256))), "no JSON"),
    ("deep", CUSTOMERS, says(b"[" * 200_000), "no JSON"),
    ("empty", CUSTOMERS, says(b""), "no page"),
    ("null", CUSTOMERS, says(None), "no page"),
    ("null", BILLING, says(None), "no page"),
    ("null", CREDITS, says(None), "no page"),
    ("list", CUSTOMERS, says([]), "no page"),
    ("no data", CUSTOMERS, says({}), "no page"),
    ("text", CUSTOMERS, says({"data": "abc"}), "no page"),
    ("rows", CUSTOMERS, says({"data": [1, None, "x"]}), "no page"),
    ("rows", INVOICES, says({"data": [1, None, "x"]}), "no page"),
    ("rows", CREDITS, says({"data": [1]}), "no page"),
    ("bare row", CUSTOMERS, says({"data": [{}]}), "customer has no id"),
    ("bare row", INVOICES, says({"data": [{}]}), "without id"),
    ("bare row", CREDITS, says({"data": [{}]}), "without id"),
    ("nothing", CUSTOMERS, says(EMPTY_PAGE), "are known"),
    ("nothing", INVOICES, says(EMPTY_PAGE), "are known"),
    ("endless", CUSTOMERS, after(endless), "come to an end"),
    ("endless", INVOICES, after(endless), "come to an end"),
    ("not a number", INVOICES, after(every_number("NaN")), "no JSON"),
    ("huge", INVOICES, after(every_number("1e999999")), "NumberTooLong"),
    ("long", INVOICES, after(every_number("9" * 200)), "NumberTooLong"),
    ("a text", INVOICES, after(every_number('"12"')), "total is no number"),
    ("another total", INVOICES, after(every_number("1")), ""),
    ("new status", INVOICES, after(word("FINALIZED", "PONDERING")), "PONDERING"),
    ("no time", INVOICES, after(word('"issued_at": "2', '"issued_at": "x')), ""),
    ("new kind", INVOICES, after(word('"type"', '"tpye"')), ""),
    ("401", CUSTOMERS, says({"message": "no"}, 401), "check the token"),
    ("403", INVOICES, says({"message": "no"}, 403), "check the token"),
    ("400", INVOICES, says({"message": "bad"}, 400), "400 bad"),
    ("404", CUSTOMERS, says({"message": "who"}, 404), "404 who"),
    ("302", CUSTOMERS, says(b"", 302), "redirect"),
]


@pytest.mark.parametrize(
    ("where", "how", "told"),
    [pytest.param(*rest, id=f"{name} {rest[0]}") for name, *rest in NONSENSE],
)
def test_a_core_that_answers_nonsense_moves_nothing(
    world: World, capsys: pytest.CaptureFixture[str], where: str, how: Answer, told: str
) -> None:
    before = world.kept()
    capsys.readouterr()
    world.core.misbehave(where, how)
    code = command("sync")
    said = capsys.readouterr()
    if told:
        assert (code, said.out) == (2, "")
        assert said.err.startswith("tieout: ")
        assert said.err.count("\n") == 1
        assert told in said.err
        assert world.kept() == before
    else:  # it was believed; the next sound answer puts it right
        world.core.misbehave("", None)
        command("sync")
    assert "Traceback" not in said.err
    assert "mistake in Tieout" not in said.err
    assert CORE_TOKEN not in said.err
    assert world.stripe.writes == []


STRIPE_NONSENSE: list[tuple[str, str, Answer, str]] = [
    ("html", INVOICES, HTML, "GET invoices"),
    ("html", "/v1/account$", HTML, "GET account"),
    ("html", "/v1/credit_notes", HTML, "GET credit_notes"),
    ("half", INVOICES, HALF, "GET invoices"),
    ("null", INVOICES, says(None), "GET invoices"),
    ("list", INVOICES, says([]), "GET invoices"),
    ("rows", INVOICES, says({"data": [1, None], "has_more": False}), "GET invoices"),
    ("bare row", INVOICES, says({"data": [{}], "has_more": False}), "GET invoices"),
    ("no account", "/v1/account$", says({"object": "account"}), "GET account"),
    ("endless", r"/v1/invoices\?.*limit=100", after(endless), "come to an end"),
    ("nothing", r"/v1/(invoices|credit_notes)\?", says(EMPTY_PAGE), "are known"),
    ("huge", INVOICES, after(every_number("1e999999")), "GET invoices"),
    ("401", "/v1/", says({"error": {"message": "no"}}, 401), "stripe.api_key"),
    ("403", "/v1/", says({"error": {"message": "rak_x"}}, 403), "rak_x"),
    ("302", "/v1/", says(b"", 302), "redirects are not followed"),
]


@pytest.mark.parametrize("act", ["sync", "reconcile"])
@pytest.mark.parametrize(
    ("where", "how", "told"),
    [pytest.param(*rest, id=f"{name} {rest[0]}") for name, *rest in STRIPE_NONSENSE],
)
def test_a_stripe_that_answers_nonsense_moves_nothing(
    world: World,
    capsys: pytest.CaptureFixture[str],
    act: str,
    where: str,
    how: Answer,
    told: str,
) -> None:
    before = world.kept()
    capsys.readouterr()
    world.stripe.misbehave(where, how)
    assert command(act) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("tieout: ")
    assert said.err.count("\n") == 1
    assert told in said.err
    assert "mistake in Tieout" not in said.err
    assert STRIPE_KEY not in said.err
    assert (world.kept(), world.stripe.writes) == (before, [])


def test_an_erp_that_is_away_is_told_by_every_command_and_stops_no_pass(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    config = world.folder / "config.yaml"
    before = config.read_text()
    away = {"erp": [{"name": "books", "kind": "file", "folder": "exports"}]}
    config.write_text(before + yaml.safe_dump(away))
    for words, code, told in (
        (("sync",), 2, "tieout: books could not be read (since "),
        (("sync", "--json"), 2, "books could not be read (since "),
        (("reconcile",), 2, "tieout: books could not be read (since "),
        (("plan",), 0, ""),
        (("status",), 1, ""),
    ):
        capsys.readouterr()
        assert command(*words) == code, words
        said = capsys.readouterr()
        assert told in said.err
        assert said.err.count("\n") == bool(told)
        assert bool(said.out) is (words != ("reconcile",))
    assert "books could not be read" in said.out.replace("\n", " ")
    config.write_text(before)  # an ERP that is asked no more is not missed
    assert command("sync") == 0
    assert command("status") == 0


def test_afterwards_everything_is_as_it_was(world: World) -> None:
    """Whatever was answered in between: a sound pass finds nothing to do."""
    assert command("sync") == 0
    assert world.stripe.writes == []
    assert command("reconcile") == 0
    assert command("audit", "verify") == 0

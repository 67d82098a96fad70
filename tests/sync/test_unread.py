"""A part of the world that is down is told; it hides no other part, and nothing is concluded."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from connectors.failures import (
    ConnectorFailure,
    Incomplete,
    Misconfigured,
    NeedsConsent,
    NotNow,
    Refused,
    Unknown,
)
from connectors.ports import Hints, Page, PeriodLock, Shown
from connectors.sandbox.service import Handle
from state.receivables import DocumentStatus
from state.worklist import FlagState
from sync.cycle import PassResult, look, make_plan, one_pass, run_plan
from sync.parts import Gate, Parts
from sync.plan import Plan
from sync.progress import Silent
from sync.reconcile import reconcile
from sync.settings import ConfigError
from tests.sync.test_observe_erp import Ledger
from tests.world import MemoryCore, parts_on

QUIET = Silent()
FAILURES = (
    NotNow("refused the connection"),
    Unknown("gave no whole answer in time"),
    Refused("no such company"),
    Misconfigured("the password has expired"),
    Incomplete("answered with a page of HTML"),
    NeedsConsent("the consent has ended; run: tieout auth books"),
)


class Frail:
    """Something of the world that answers, until it fails."""

    def __init__(self, inner: Any, *verbs: str) -> None:
        self.inner = inner
        self.verbs = verbs
        self.failure: ConnectorFailure | None = None
        self.asked = 0

    def __getattr__(self, verb: str) -> Any:
        if verb in self.verbs:
            self.asked += 1
            if self.failure is not None:
                raise self.failure
        return getattr(self.inner, verb)


class World:
    """A core, Stripe and an ERP, any of which may be down."""

    def __init__(self, sandbox: Handle) -> None:
        self.books = MemoryCore()
        made = parts_on(sandbox, self.books)
        self.ledger = Ledger()
        self.core = Frail(self.books, "customers", "hints")
        self.stripe = Frail(made.stripe, "sweep", "changes")
        self.erp = Frail(self.ledger, "sweep", "changes", "locks")
        self.parts = replace(
            made,
            core=self.core,
            registers=(self.stripe, self.erp),
        )
        self.bill(1)
        assert self.sync() == ((), 1)

    def bill(self, number: int) -> None:
        self.books.bill(f"ci_{number}", 10_000)
        self.ledger.book(f"e{number}", f"ci_{number}", 10_000)

    def pass_(self, *, sweep: bool = True) -> PassResult:
        result = one_pass(self.parts, progress=QUIET, sweep=sweep)
        self.parts.clock.sleep(60)
        return result

    def sync(self, *, sweep: bool = True) -> tuple[tuple[str, ...], int]:
        """What was not read, and how many were pushed."""
        result = self.pass_(sweep=sweep)
        return tuple(one.source for one in result.unread), result.pushed

    def flag(self, target: str) -> FlagState:
        (flag,) = [one for one in self.parts.store.flags() if one.target == target]
        return flag.state

    def erp_voids(self, name: str) -> None:
        self.ledger.invoices[name] = replace(
            self.ledger.invoices[name], status=DocumentStatus.VOID
        )


@pytest.fixture
def world(sandbox: Handle) -> Iterator[World]:
    made = World(sandbox)
    yield made
    made.parts.store.close()  # type: ignore[attr-defined]  # the port has no close


# --- an ERP is down -----------------------------------------------------------------------
@pytest.mark.parametrize("failure", FAILURES, ids=lambda one: type(one).__name__)
def test_an_erp_that_is_down_keeps_no_invoice_from_stripe(
    world: World, failure: ConnectorFailure
) -> None:
    world.books.void("ci_1")
    assert world.sync() == ((), 0)
    world.bill(2)
    world.erp_voids("e1")
    world.erp.failure = failure
    result = world.pass_()
    (unread,) = result.unread
    assert (result.pushed, unread.source, unread.why) == (1, "books", str(failure))
    since = f"{unread.since:%Y-%m-%dT%H:%M:%SZ}"
    assert unread.text == f"books could not be read (since {since}): {failure}"
    assert world.parts.store.unread() == {"books": unread}
    assert world.flag("books") is FlagState.OPEN, "nothing was seen, so nothing is closed"
    with pytest.raises(Incomplete, match=rf"books could not be read \(since {since}\): "):
        reconcile(world.parts, progress=QUIET)
    with pytest.raises(Incomplete, match="nothing is reconciled on an older reading"):
        reconcile(world.parts, progress=QUIET, read_first=False)

    world.parts.clock.sleep(60)
    world.erp.failure = None
    assert world.sync() == ((), 0)
    assert world.parts.store.unread() == {}
    assert world.flag("books") is FlagState.RESOLVED
    assert reconcile(world.parts, progress=QUIET).rows


def test_what_an_erp_says_holds_no_push_and_lets_none_go(world: World) -> None:
    """What a replaced invoice took in is read from Stripe: an old word of the ERP is no ground."""
    world.ledger.invoices["e1"] = replace(
        world.ledger.invoices["e1"], status=DocumentStatus.PAID, paid_minor=10_000
    )
    world.sync()
    world.erp.failure = NotNow("refused the connection")
    world.books.void("ci_1")
    world.books.bill("ci_2", 9_000, parent="ci_1")
    assert world.sync() == (("books",), 1)


def test_since_when_it_is_down_stays_while_the_reason_moves(world: World) -> None:
    world.erp.failure = NotNow("refused the connection")
    first = world.pass_().unread[0]
    world.parts.clock.sleep(3600)
    world.erp.failure = Misconfigured("the password has expired")
    second = world.pass_().unread[0]
    assert (second.since, second.why) == (first.since, "the password has expired")
    assert world.parts.store.unread()["books"] == second


def test_hints_that_are_read_do_not_mend_a_sweep_that_failed(world: World) -> None:
    world.erp.verbs = ("sweep",)
    world.erp.failure = Incomplete("shows nothing where 200 were known")
    assert world.sync() == (("books",), 0)
    assert world.sync(sweep=False) == ((), 0)
    assert set(world.parts.store.unread()) == {"books"}
    world.erp.failure = None
    world.sync()
    assert world.parts.store.unread() == {}


def test_a_hint_that_failed_is_mended_by_the_next_one(world: World) -> None:
    world.erp.failure = NotNow("refused the connection")
    world.sync(sweep=False)
    world.erp.failure = None
    assert world.sync(sweep=False) == ((), 0)
    assert world.parts.store.unread() == {}


def test_an_erp_that_failed_is_given_time_and_stays_unread(world: World) -> None:
    world.erp.failure = NotNow("refused the connection")
    for _ in range(3):
        world.sync()  # its rest is 20 s by now
    world.erp.failure = NotNow("the quota of the day is used up", retry_after=500)
    world.sync()
    asked = world.erp.asked
    for _ in range(8):
        assert world.sync() == (("books",), 0)
    assert world.erp.asked == asked, "not asked within 500 s of being sent away"
    world.erp.failure = None
    assert world.sync() == ((), 0)
    assert world.parts.resting == {}


# --- Stripe or the core is down -------------------------------------------------------------
def test_without_stripe_the_core_is_kept_and_the_erp_is_seen(world: World) -> None:
    world.books.void("ci_1")
    world.sync()
    world.bill(2)
    world.erp_voids("e1")
    world.stripe.failure = NotNow("Stripe does not answer")
    assert world.sync() == (("stripe",), 0)
    assert world.parts.store.invoice("ci_2") is not None
    assert (world.flag("books"), world.flag("stripe")) == (
        FlagState.RESOLVED,
        FlagState.OPEN,
    )
    with pytest.raises(Incomplete, match="stripe could not be read"):
        reconcile(world.parts, progress=QUIET)
    world.stripe.failure = None
    assert world.sync() == ((), 1)


def test_without_the_core_flags_close_and_nothing_is_decided(world: World) -> None:
    world.books.void("ci_1")
    world.sync()
    world.bill(2)
    world.erp_voids("e1")
    (document,) = world.parts.store.documents_of(["ci_1"])["ci_1"][:1]
    assert document.target == "books"
    world.core.failure = Unknown("the core gave no whole answer in time")
    audit = world.parts.store.audit_head()[0]
    assert world.sync() == (("core",), 0)
    assert world.flag("books") is FlagState.RESOLVED
    assert world.parts.store.push("ci_2") is None
    assert world.parts.store.audit_head()[0] == audit + 1, "the flag, and nothing else"
    world.core.failure = None
    assert world.sync() == ((), 1)


def test_what_was_decided_waits_for_the_core(world: World) -> None:
    """It may have been voided since: the core is asked before anything goes out."""
    world.bill(2)
    world.stripe.failure = NotNow("Stripe does not answer")
    world.sync()
    world.stripe.failure, world.core.failure = None, NotNow("the core does not answer")
    assert world.sync() == (("core",), 0)
    assert world.sync(sweep=False) == (("core",), 0)
    world.core.failure = None
    assert world.sync() == ((), 1)


def test_one_failure_hides_no_other(world: World) -> None:
    world.core.failure = NotNow("the core does not answer")
    world.stripe.failure = Misconfigured("Stripe: check stripe.api_key")
    world.erp.failure = Incomplete("an answer that cannot be read")
    result = world.pass_()
    assert [one.source for one in result.unread] == ["core", "stripe", "books"]
    assert [one.hopeless for one in result.unread] == [False, True, False]
    world.parts.clock.sleep(60)
    with pytest.raises(Incomplete) as told:
        reconcile(world.parts, progress=QUIET)
    for one in result.unread:
        assert one.why in str(told.value)


# --- plans, accounts, notices ---------------------------------------------------------------
def test_a_plan_rests_on_the_core_and_stripe_alone(world: World) -> None:
    world.bill(2)
    world.erp.failure = NotNow("refused the connection")
    plan: Plan = make_plan(world.parts, progress=QUIET)
    done = run_plan(world.parts, plan.to_json(), progress=QUIET)
    assert (done.pushed, [one.source for one in done.unread]) == (1, ["books"])
    world.core.failure = NotNow("the core does not answer")
    for act in (
        lambda: make_plan(world.parts, progress=QUIET),
        lambda: run_plan(world.parts, plan.to_json(), progress=QUIET),
    ):
        with pytest.raises(Incomplete, match="core could not be read"):
            act()


def test_another_account_ends_the_pass_before_anything_is_kept(world: World) -> None:
    def another(_: Parts) -> None:
        raise ConfigError("stripe.api_key: belongs to another account")

    world.bill(2)
    world.parts.gate = Gate(another)
    with pytest.raises(ConfigError):
        world.pass_()
    assert world.parts.store.invoice("ci_2") is None
    with pytest.raises(ConfigError):
        look(world.parts, progress=QUIET)


def test_an_account_that_is_not_known_yet_is_not_read(world: World) -> None:
    answers: list[ConnectorFailure | None] = [NotNow("Stripe does not answer"), None]

    def ask(_: Parts) -> None:
        if (failure := answers.pop(0)) is not None:
            raise failure

    world.bill(2)
    world.parts.gate = Gate(ask)
    asked = world.stripe.asked
    assert world.sync() == (("stripe",), 0)
    assert world.stripe.asked == asked
    assert world.parts.store.invoice("ci_2") is not None
    assert world.sync() == ((), 1)
    assert world.sync() == ((), 0), "asked once, and passed"


class Board:
    """An ERP's place for notices, which does not take any."""

    def show_flag(self, document_id: str, tag: str, text: str) -> Shown:
        raise Refused("notices are switched off")


def test_a_notice_that_fails_is_told_and_hides_nothing(world: World) -> None:
    world.parts.boards = {"books": Board()}
    world.books.void("ci_1")
    world.bill(2)
    result = world.pass_()
    assert (result.pushed, result.open_flags) == (1, 2)
    assert [one.text for one in result.unread] == ["books: notices are switched off"]
    assert world.parts.store.unread() == {}, "it was read, so a run may rest on it"


class Nothing:
    """A register of which every verb fails at once; locks, before anything is read."""

    target = "void"

    def locks(self) -> tuple[PeriodLock, ...]:
        raise Incomplete("no period is shown")

    def changes(self, cursor: str | None, now: object) -> Hints:
        raise AssertionError(cursor, now)

    def sweep(self) -> Iterator[Page]:
        raise AssertionError

    def look_again(self, ids: Sequence[str]) -> Iterator[Page]:
        raise AssertionError(ids)


def test_each_of_two_erps_stands_for_itself(world: World) -> None:
    world.parts = replace(
        world.parts,
        registers=(*world.parts.registers, Nothing()),  # type: ignore[arg-type]
    )
    world.bill(2)
    assert world.sync() == (("void",), 1)
    assert world.parts.store.documents_by_id("books", {"e2"}).keys() == {"e2"}

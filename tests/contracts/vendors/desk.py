"""An accountant's desk at any vendor: one small ledger, shown through the vendor's own face.

A face answers requests as its vendor does (`responses` replays them); what the accountant
does is the same everywhere and stands here. A face keeps what it finds wrong in a request
in `violations`: an exception inside a replay would look like a network failure.
"""

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any, ClassVar, TypeVar

import responses
from requests import PreparedRequest

from connectors.ports import Register
from connectors.redaction import Secret
from connectors.wire import Exchange, Wire
from tests.clocks import StillClock

START = datetime(2026, 10, 1, 12, tzinfo=UTC)
Answered = tuple[int, Mapping[str, str], str]


@dataclass
class Doc:
    """An invoice or a credit memo in the ledger; minor units, tax included."""

    id: str
    number: str
    reference: str
    minor: int
    currency: str
    entity: int
    draft: bool
    stamp: datetime
    customer: str = "58"
    tax: int = 0
    void: bool = False
    paid: int = 0
    on: date = date(2026, 9, 1)
    names: str = ""  # of a memo: an invoice it was made for, applied or not


@dataclass
class Use:
    """So much of a memo on an invoice."""

    memo: str
    invoice: str
    minor: int
    stamp: datetime


@dataclass
class VendorDesk:
    """The ledger and the acts; a subclass is one vendor's face and its register."""

    lacks: ClassVar[frozenset[str]] = frozenset()
    url: ClassVar[str] = ""
    first_id: ClassVar[int] = 9000

    # The vendor's own, which moves with each act at the desk, and when we wait.
    clock: StillClock = field(default_factory=lambda: StillClock(START))
    invoices: dict[str, Doc] = field(default_factory=dict)
    memos: dict[str, Doc] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)
    deleted: dict[str, datetime] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    log: list[Exchange] = field(default_factory=list)
    on_ask: Callable[[int], None] | None = None  # what happens while we read
    bodies: dict[int, Any] = field(default_factory=dict)  # of faults, else the usual ones
    more_headers: dict[str, str] = field(default_factory=dict)
    page: int = 10
    count: int = 0

    register: Register = field(init=False)

    def __post_init__(self) -> None:
        self.register = self.made()

    def made(self) -> Register:
        """The register under test."""
        raise NotImplementedError

    def face(self, request: PreparedRequest) -> tuple[int, Any]:
        """The vendor's answer: a status and what is sent as JSON."""
        raise NotImplementedError

    def wire(self, **more: Any) -> Wire:
        return Wire(
            self.url, clock=self.clock, rng=random.Random(7), token=Secret("canary-token"),
            log=self.log.append, **more,
        )  # fmt: skip

    # --- the replay -----------------------------------------------------------------

    def answer(self, request: PreparedRequest) -> Answered:
        self.asked.append(f"{request.method} {request.url}")
        if self.on_ask is not None:
            self.on_ask(len(self.asked))
        if request.headers.get("Authorization") != "Bearer canary-token":
            self.violations.append(f"no token with {request.url}")
        fault = self.faults.pop(0) if self.faults else ""
        if fault.isdigit():
            status = int(fault)
            return self.whole(status, self.bodies.get(status, self.error(status)))
        status, headers, text = self.whole(*self.face(request))
        if fault:
            text = {"garbage": "<oops", "truncated": text[: len(text) // 2]}[fault]
        return status, headers, text

    def error(self, status: int) -> Any:
        """An error body in the vendor's own shape."""
        return {"message": f"something about {status}"}

    def whole(self, status: int, body: Any) -> Answered:
        headers = {
            "Content-Type": "application/json",
            "Date": format_datetime(self.clock.now(), usegmt=True),
            **self.more_headers,
        }
        return status, headers, json.dumps(body) if not isinstance(body, str) else body

    def wrong(self, what: str) -> tuple[int, Any]:
        """A request that no such vendor would take."""
        self.violations.append(what)
        return 400, self.error(400)

    # --- the acts -------------------------------------------------------------------

    def tick(self) -> datetime:
        self.clock.time += timedelta(minutes=1)
        return self.clock.time

    def new(self, prefix: str) -> tuple[str, str]:
        self.count += 1
        return self.id_of(self.first_id + self.count), f"{prefix}-{1000 + self.count}"

    def id_of(self, number: int) -> str:
        return str(number)

    def invoice(
        self,
        reference: str,
        minor: int,
        *,
        currency: str = "USD",
        entity: int = 0,
        draft: bool = False,
    ) -> str:
        name, number = self.new("INV")
        self.invoices[name] = Doc(
            name, number, reference, minor, currency, entity, draft, self.tick()
        )  # fmt: skip
        return self.shown(name)

    def many(self, count: int) -> list[str]:
        return [self.invoice(f"core-many-{n}", 100) for n in range(count)]

    def void(self, document_id: str) -> None:
        one = self.known(document_id)
        one.void, one.stamp = True, self.tick()

    def pay(self, document_id: str, minor: int) -> None:
        one = self.known(document_id)
        one.paid, one.stamp = one.paid + minor, self.tick()

    def credit(self, document_id: str, minor: int, *, how: str = "applied") -> str:
        invoice = self.known(document_id)
        name, number = self.new("CM")
        self.memos[name] = Doc(
            name, number, "", minor, invoice.currency, invoice.entity, how == "draft", self.tick(),
            names=invoice.id,
        )  # fmt: skip
        if how == "applied":
            self.apply(name, document_id, minor)
        return name

    def apply(self, memo: str, document_id: str, minor: int) -> None:
        """Use a memo on an invoice. Whose stamp that moves is the vendor's business."""
        self.uses.append(Use(memo, self.known(document_id).id, minor, self.tick()))

    def delete(self, document_id: str) -> None:
        del self.invoices[self.known(document_id).id]
        self.deleted[self.inner(document_id)] = self.tick()

    def late(self, reference: str, minor: int) -> str:
        name = self.invoice(reference, minor)
        self.known(name).stamp = self.clock.now() - timedelta(minutes=2)
        return name

    def fault(self, kind: str, times: int) -> None:
        self.faults = [kind] * times

    # --- the ledger's sums ----------------------------------------------------------

    def shown(self, name: str) -> str:
        """The id as the register gives it; `inner` is the way back."""
        return name

    def inner(self, document_id: str) -> str:
        return document_id

    def known(self, document_id: str) -> Doc:
        return self.invoices[self.inner(document_id)]

    def credited(self, invoice: str) -> int:
        return sum(use.minor for use in self.uses if use.invoice == invoice)

    def used(self, memo: str) -> int:
        return sum(use.minor for use in self.uses if use.memo == memo)

    def open(self, one: Doc) -> int:
        if one.void:
            return 0
        return one.minor - one.paid - self.credited(one.id)

    def changed(self, docs: Mapping[str, Doc], since: datetime | None) -> list[Doc]:
        rows = [one for one in docs.values() if since is None or one.stamp >= since]
        return [replace(one) for one in rows]


def major(minor: int) -> Decimal:
    return Decimal(minor).scaleb(-2)


def number(minor: int) -> float:
    """An amount as a JSON number."""
    return float(major(minor))


D = TypeVar("D", bound=VendorDesk)


def replayed(make: Callable[[], D]) -> Iterator[D]:
    """The desk, while every request to its vendor is answered by its face."""
    desk = make()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add_passthru("http://127.0.0.1")  # the Stripe stand-in, where there is one
        there = re.compile(re.escape(desk.url) + "/.*")
        for method in (responses.GET, responses.POST, responses.PUT, responses.PATCH):
            mock.add_callback(method, there, callback=desk.answer)
        yield desk
    assert desk.violations == []

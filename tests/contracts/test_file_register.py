"""The file drop as a register: an accountant who exports everything after every act."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from connectors.erp.file_drop import FileDrop
from connectors.erp.file_layouts import TEMPLATE
from connectors.erp.file_rows import Reading
from tests.contracts.registers import FAULTS, LATE, Desk, RegisterContract


class Later:
    """A clock an hour ahead of the files, so that none is young."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("no file here is young")


@dataclass
class Paper:
    """One document in the accountant's own books."""

    kind: str
    number: str
    reference: str
    minor: int
    currency: str
    entity: str
    status: str = "open"
    paid: int = 0
    applied_to: str = ""

    @property
    def name(self) -> str:
        return f"{self.entity} {self.number}" if self.entity else self.number


@dataclass
class Exporter:
    """Books kept by hand, exported whole into the folder in Tieout's own template."""

    folder: Path
    register: FileDrop
    lacks: frozenset[str] = frozenset({LATE, FAULTS})
    papers: dict[str, Paper] = field(default_factory=dict)
    exports: int = 0
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def invoice(
        self,
        reference: str,
        minor: int,
        *,
        currency: str = "USD",
        entity: int = 0,
        draft: bool = False,
    ) -> str:
        name = self._put(reference, minor, currency, entity, draft)
        self._export()
        return name

    def _put(
        self, reference: str, minor: int, currency: str, entity: int, draft: bool
    ) -> str:
        paper = Paper(
            "invoice",
            f"INV-{next(self.numbers)}",
            reference,
            minor,
            currency,
            f"US{entity}",
            "draft" if draft else "open",
        )
        self.papers[paper.name] = paper
        return paper.name

    def many(self, count: int) -> list[str]:
        names = [self._put(f"core-many-{n}", 100, "USD", 0, False) for n in range(count)]
        self._export()
        return names

    def void(self, document_id: str) -> None:
        self.papers[document_id].status = "Voided"
        self._export()

    def pay(self, document_id: str, minor: int) -> None:
        self.papers[document_id].paid += minor
        self._export()

    def credit(self, document_id: str, minor: int, *, how: str = "applied") -> str:
        of = self.papers[document_id]
        paper = Paper(
            "credit memo", f"CM-{next(self.numbers)}", "", minor, of.currency, of.entity
        )
        paper.applied_to = of.number if how == "applied" else ""
        paper.status = "draft" if how == "draft" else "open"
        self.papers[paper.name] = paper
        self._export()
        return paper.name

    def delete(self, document_id: str) -> None:
        del self.papers[document_id]
        if not self.papers:
            self._put("core-other", 100, "USD", 0, False)
        self._export()

    def late(self, reference: str, minor: int) -> str:
        raise NotImplementedError

    def fault(self, kind: str, times: int) -> None:
        raise NotImplementedError

    def _credited(self, paper: Paper) -> int:
        return sum(
            one.minor
            for one in self.papers.values()
            if one.applied_to == paper.number and one.entity == paper.entity
        )

    def _export(self) -> None:
        self.exports += 1
        with (self.folder / f"export-{self.exports:04d}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(TEMPLATE)
            for one in self.papers.values():
                memo = one.kind == "credit memo"
                left = one.minor - one.paid - self._credited(one)
                balance = 0 if one.applied_to else one.minor if memo else left
                rows.writerow([
                    one.kind, one.number, one.reference, "Acme", one.entity, "2026-10-31",
                    one.currency, f"{one.minor / 100:.2f}", f"{balance / 100:.2f}",
                    one.status, one.applied_to,
                    f"{one.minor / 100:.2f}" if one.applied_to else "", "",
                ])  # fmt: skip


class TestFileDrop(RegisterContract):
    pages_of = 1200

    @pytest.fixture
    def desk(self, tmp_path: Path) -> Desk:
        register = FileDrop(tmp_path, Reading("books"), clock=Later(), full_snapshot=True)
        return Exporter(tmp_path, register)

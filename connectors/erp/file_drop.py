"""A register made of files: exports that people drop into a folder.

A file that was understood goes to `archive/`, numbered and named by its sha256. The
archive is the register: it is read in order, and a later row of a document stands above an
earlier one. What is missing in a later file is not deleted, unless every file is a full
snapshot. A file that is not understood stays where it is, and nothing is read from it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import structlog

from connectors.erp.file_rows import Export, Reading, export_of, shared_out
from connectors.erp.file_tables import BadFile, read
from connectors.erp.shapes import Application, posted_status
from connectors.failures import Incomplete, Misconfigured, NotNow
from connectors.ports import (
    Capabilities,
    Entity,
    Hints,
    Identity,
    Page,
    Pairing,
    PeriodLock,
    Voiding,
)
from state.clock import Clock
from state.receivables import CreditMemo, DocumentStatus, DownstreamInvoice

ARCHIVE = "archive"
PAGE = 500
SETTLE_SECONDS = 2  # a file younger than this may still be being copied
SUFFIXES = {".csv", ".txt", ".tsv", ".xlsx", ".xlsm", ".xlsb", ".ods", ".xls"}
_ARCHIVED = re.compile(r"(\d{6})-([0-9a-f]{64})-(.+)")


@dataclass(slots=True)
class _Books:
    """The archive as read so far: what each file said, folded in order."""

    files: list[str] = field(default_factory=list)
    invoices: dict[str, DownstreamInvoice] = field(default_factory=dict)
    memos: dict[str, CreditMemo] = field(default_factory=dict)
    applied: dict[str, tuple[Application, ...]] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)  # id -> the last file that told it
    unbalanced: set[str] = field(default_factory=set)  # their file has no open amounts
    gone: dict[str, int] = field(default_factory=dict)  # and where it went missing


class FileDrop:
    """One folder of exports. Nothing is ever written back to the ERP."""

    def __init__(
        self,
        folder: Path,
        reading: Reading,
        *,
        clock: Clock,
        full_snapshot: bool = False,
        settle_seconds: int = SETTLE_SECONDS,
    ) -> None:
        self.target = reading.target
        self.capabilities = Capabilities(
            voiding=Voiding.AS_GIVEN,
            cursor="the number of the last file in its archive",
            deletions="full snapshots only" if full_snapshot else "not told",
            pairing=Pairing.SOMETIMES,
            currencies=True,
            entities=True,
            locks=False,
            flags=False,
            page=PAGE,
            concurrency=1,
        )
        self._folder = folder
        self._archive = folder / ARCHIVE
        self._reading = reading
        self._clock = clock
        self._full = full_snapshot
        self._settle = settle_seconds
        self._books = _Books()

    def __repr__(self) -> str:
        return f"FileDrop({self.target})"

    def identify(self) -> Identity:
        """The folder, how many files it has, and the companies they name."""
        if not self._folder.is_dir():
            raise Misconfigured(f"{self._folder} is no folder; make it, or set erp.folder")
        books = self._read_archive()
        names = {one.entity_id for one in books.invoices.values() if one.entity_id}
        waiting = len(self._dropped())
        note = f"{len(books.files)} files in its archive, {waiting} waiting to be read"
        return Identity(
            "file drop",
            str(self._folder),
            notes=(note,),
            entities=tuple(Entity(name, name) for name in sorted(names)),
        )

    def sweep(self) -> Iterator[Page]:
        """Everything the archive says. Raises Incomplete."""
        self._take_in()
        books = self._read_archive()
        if not books.files:
            raise Incomplete(
                f"{self.target}: no export was dropped into {self._folder} yet; "
                "drop one, or take this ERP out of the settings"
            )
        yield from self._pages(books, list(books.invoices), list(books.memos))

    def changes(self, cursor: str | None, now: datetime) -> Hints:  # noqa: ARG002 - its own order is its clock
        """Take in what was dropped; tell what the files after `cursor` say.

        Raises Incomplete for a file that cannot be understood.
        """
        self._take_in()
        books = self._read_archive()
        last = books.files[-1][:6] if books.files else "000000"
        if cursor is None:
            return Hints((), last)
        seen = int(cursor)
        if seen > len(books.files):
            raise Incomplete(
                f"{self._archive}: {seen} files were read before and {len(books.files)} "
                "are there now; put back what was taken out"
            )
        invoices = [name for name in books.invoices if books.told[name] > seen]
        memos = [name for name in books.memos if books.told[f"memo {name}"] > seen]
        pages = list(self._pages(books, invoices, memos))
        gone = [name for name, at in books.gone.items() if at > seen]
        if gone:
            pages.append(Page(tuple(self._gone(name) for name in gone)))
        return Hints((), last, pages=tuple(pages))

    def look_again(self, ids: Sequence[str]) -> Iterator[Page]:
        """Documents as the last file that named them has them."""
        if not ids:
            return
        self._take_in()
        books = self._read_archive()
        shares = self._shares(books)
        credited = _credited(shares)
        yield Page(
            documents=tuple(
                _with_credit(books.invoices[name], credited.get(name, 0), books.unbalanced)
                if name in books.invoices
                else self._gone(name)
                for name in ids
            ),
            memos=tuple(
                part
                for some in shares.values()
                if any(part.invoice_id in ids for part in some)
                for part in some
            ),
            whole=True,
        )

    def locks(self) -> tuple[PeriodLock, ...]:
        """Not told by files."""
        return ()

    # --- taking in ------------------------------------------------------------------

    def _dropped(self) -> list[Path]:
        try:
            return sorted(
                path
                for path in self._folder.iterdir()
                if path.suffix.lower() in SUFFIXES
                and not path.name.startswith((".", "~$"))
                and path.is_file()
            )
        except OSError as error:
            raise Incomplete(f"{self._folder}: cannot be read: {error.strerror}") from None

    def _take_in(self) -> None:
        """Understand every dropped file, and only then archive them all."""
        understood: list[tuple[Path, str, Export]] = []
        for path in self._dropped():
            self._await_settled(path)
            try:
                body = read(path)
                export = export_of(path.name, body, self._reading)
            except BadFile as bad:
                raise Incomplete(f"{self.target}: {bad}") from None
            understood.append((path, hashlib.sha256(body).hexdigest(), export))
        archived = {found[2]: name for name in self._names() if (found := _told(name))}
        number = len(archived)
        for path, digest, export in understood:
            known = archived.get(digest)
            if known is None:
                number += 1
                known = archived[digest] = f"{number:06d}-{digest}-{path.name}"
                structlog.get_logger("tieout.files").info(
                    "taken in",
                    register=self.target,
                    file=path.name,
                    sha256=digest,
                    layout=export.system,
                    invoices=len(export.invoices),
                    memos=len(export.memos),
                    left_out=export.left_out,
                )
            # The same bytes again replace themselves: nothing changes, nothing is lost.
            self._archive.mkdir(exist_ok=True)
            path.replace(self._archive / known)

    def _await_settled(self, path: Path) -> None:
        stat = path.stat()
        age = self._clock.now().timestamp() - stat.st_mtime
        if age >= self._settle:
            return
        self._clock.sleep(self._settle - max(age, 0))
        if path.stat().st_size != stat.st_size:
            raise NotNow(f"{self.target}: {path.name} is still being written")

    # --- the archive ----------------------------------------------------------------

    def _names(self) -> list[str]:
        if not self._archive.is_dir():
            return []
        return sorted(path.name for path in self._archive.iterdir() if _told(path.name))

    def _read_archive(self) -> _Books:
        """The archive, folded; what was folded before is not read again."""
        names = self._names()
        if names[: len(self._books.files)] != self._books.files:
            self._books = _Books()
        for number, name in enumerate(names, start=1):
            if number <= len(self._books.files):
                continue
            if int(name[:6]) != number:
                raise Incomplete(
                    f"{self._archive}: file number {number} is missing; put it back"
                )
            self._fold(self._archived(name), number)
            self._books.files.append(name)
        return self._books

    def _archived(self, name: str) -> Export:
        body = read(self._archive / name)
        found = _told(name)
        if found is None or hashlib.sha256(body).hexdigest() != found[2]:
            raise Incomplete(
                f"{self._archive}/{name}: was changed after it was taken in; restore it"
            )
        try:
            return export_of(found[3], body, self._reading)
        except BadFile as bad:
            raise Incomplete(
                f"{self.target}: {bad} (it was understood before; were dates, currency "
                "or columns changed in the settings?)"
            ) from None

    def _fold(self, export: Export, number: int) -> None:
        """One file on top of those before it."""
        books = self._books
        if self._full:
            self._forget(books, export, number)
        for name, invoice in export.invoices.items():
            before = books.invoices.get(name, invoice)
            books.invoices[name] = _voided_keeps(before, invoice)
            books.told[name] = number
            if export.balances:
                books.unbalanced.discard(name)
            else:
                books.unbalanced.add(name)
            books.gone.pop(name, None)
        for name, memo in export.memos.items():
            books.memos[name] = memo
            books.applied[name] = export.applied.get(name, ())
            books.told[f"memo {name}"] = number

    def _forget(self, books: _Books, export: Export, number: int) -> None:
        """A full snapshot: what it does not name is deleted, kind by kind."""
        if export.invoices:
            for name in set(books.invoices) - set(export.invoices):
                del books.invoices[name]
                books.gone[name] = number
        if export.memos:
            for name in set(books.memos) - set(export.memos):
                del books.memos[name]

    # --- telling --------------------------------------------------------------------

    def _pages(
        self, books: _Books, invoices: Sequence[str], memos: Sequence[str]
    ) -> Iterator[Page]:
        shares = self._shares(books)
        credited = _credited(shares)
        for some in _chunks(invoices):
            yield Page(
                documents=tuple(
                    _with_credit(
                        books.invoices[name], credited.get(name, 0), books.unbalanced
                    )
                    for name in some
                )
            )
        for some in _chunks(memos):
            yield Page(memos=tuple(part for name in some for part in shares[name]))

    def _shares(self, books: _Books) -> dict[str, list[CreditMemo]]:
        """Every memo in its parts."""
        numbers = _by_number(books.invoices.values())
        return {
            name: list(shared_out(memo, books.applied[name], books.invoices, numbers))
            for name, memo in books.memos.items()
        }

    def _gone(self, name: str) -> DownstreamInvoice:
        return DownstreamInvoice(self.target, name, DocumentStatus.DELETED, "USD", 0)


def _told(name: str) -> re.Match[str] | None:
    return _ARCHIVED.fullmatch(name)


def _voided_keeps(before: DownstreamInvoice, now: DownstreamInvoice) -> DownstreamInvoice:
    """Some systems empty the reference of what they void; an earlier file told it."""
    if now.status is DocumentStatus.VOID and not now.external_ids:
        return replace(now, external_ids=before.external_ids)
    return now


def _by_number(invoices: Iterable[DownstreamInvoice]) -> dict[str, str]:
    """Ids by the company and the number, and by the number alone where it is one's own."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for one in invoices:
        number = one.number or ""
        found[f"{one.entity_id} {number}"] = one.id
        twice |= {number} if number in found else set()
        found[number] = one.id
    return {number: name for number, name in found.items() if number not in twice}


def _credited(shares: Mapping[str, list[CreditMemo]]) -> dict[str, int]:
    """What applied memos took off each invoice, tax included."""
    credited: dict[str, int] = {}
    for part in (one for some in shares.values() for one in some if one.explains):
        name = part.invoice_id or ""
        credited[name] = credited.get(name, 0) + part.amount_minor + part.tax_minor
    return credited


def _with_credit(
    one: DownstreamInvoice, credited: int, unbalanced: set[str]
) -> DownstreamInvoice:
    """What was taken for cash, for want of a paid column, may have been a credit."""
    if not one.status.posted or not credited:
        return one
    total = one.gross_minor + one.tax_minor
    left = one.open_minor
    if one.id in unbalanced:
        left = max(total - credited - one.paid_minor, 0)
    paid = max(min(one.paid_minor, total - left - credited), 0)
    status = one.status
    if status is not DocumentStatus.UNCOLLECTIBLE:
        status = posted_status(paid_minor=paid, open_minor=left)
    return replace(one, open_minor=left, paid_minor=paid, status=status)


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(names), PAGE):
        yield names[first : first + PAGE]

"""The evidence bundle of a run: every report in every format, what they rest on, and a manifest.

One zip for the audit file. The same run gives the same bytes, except for what was signed
since, which the manifest tells.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, BinaryIO

from state.books import Books
from state.clock import iso
from state.codec import encode
from state.credits import CoreCredit
from state.invoices import CoreInvoice
from state.receivables import CreditMemo, DownstreamInvoice
from sync import reporting
from sync.books import Run
from sync.progress import Progress

_SOURCES: tuple[tuple[str, str, type], ...] = (
    ("core-invoices", "invoice", CoreInvoice),
    ("core-credits", "credit", CoreCredit),
    ("downstream-invoices", "document", DownstreamInvoice),
    ("credit-memos", "memo", CreditMemo),
)
Redact = Callable[[str], str]


def bundle(
    store: Books,
    run: Run,
    digest: str,
    out: BinaryIO,
    *,
    redact: Redact = lambda text: text,
    progress: Progress,
) -> dict[str, str]:
    """Write the bundle; the sha256 of each file in it. Raises PdfMissing, TooLong."""
    sums: dict[str, str] = {}
    material = reporting.of_run(store, run, digest, reporting.NAMES, progress=progress)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as pack:

        def put(name: str, pieces: Iterator[bytes]) -> None:
            hashed = sha256()
            entry = zipfile.ZipInfo(name, _moment(run.as_of))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with pack.open(entry, "w", force_zip64=True) as file:
                for piece in pieces:
                    hashed.update(piece)
                    file.write(piece)
            sums[name] = hashed.hexdigest()

        for name in reporting.NAMES:
            wish = reporting.Wish(closed=True, internal=True)
            made = reporting.document(name, material, wish)
            for form in reporting.FORMATS:
                text = io.BytesIO()
                reporting.write(made, form, text, progress=progress)
                put(f"reports/{name}.{form}", iter((text.getvalue(),)))
        for name, kind, word in _SOURCES:
            progress.step(f"copying {name}", None)
            put(f"sources/{name}.jsonl", _snapshot(store, run, kind, word, redact))
        kept = store.run(run.run_id)
        put("run.json", iter(((kept[0] if kept else "").encode(),)))
        manifest = json.dumps(_manifest(run, digest, sums), indent=2, sort_keys=True)
        put("MANIFEST.json", iter(((manifest + "\n").encode(),)))
    return sums


def _snapshot(
    store: Books, run: Run, kind: str, word: type, redact: Redact
) -> Iterator[bytes]:
    """What had been seen of a source by then, every version, in our words.

    Addresses are left out: a hosted invoice opens for whoever has its address.
    """
    history: Iterator[tuple[datetime, Any]] = store.history(word, kind, run.made_at)
    for seen_at, found in history:
        bare = replace(found, url=None) if hasattr(found, "url") else found
        line = {"seen_at": iso(seen_at), "is": json.loads(encode(bare))}
        text = json.dumps(line, sort_keys=True, ensure_ascii=False)
        yield (redact(text) + "\n").encode("utf-8", "replace")


def _manifest(run: Run, digest: str, sums: dict[str, str]) -> dict[str, object]:
    return {
        "bundle": "tieout evidence",
        "version": 1,
        "entity": run.entity,
        "run": run.run_id,
        "run_sha256": digest,
        "period": run.period,
        "as_of": iso(run.as_of),
        "made_at": iso(run.made_at),
        "outcome": run.outcome,
        "code_version": run.version,
        "audit": {"seq": run.audit_seq, "hash": run.audit_head},
        "files": dict(sorted(sums.items())),
    }


def _moment(moment: datetime) -> tuple[int, int, int, int, int, int]:
    """The cutoff, as a zip file dates things; not the time of writing."""
    at = moment.astimezone(UTC)
    return (max(at.year, 1980), at.month, at.day, at.hour, at.minute, at.second)

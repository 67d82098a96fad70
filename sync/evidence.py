"""The evidence bundle of a run: every report in every format, what they rest on, and a manifest.

One zip for the audit file, and all that a stranger needs to check it: `sha256sum -c
SHA256SUMS`, or the program check.py that lies in it. The same run gives the same bytes,
except for what was signed since.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from importlib import resources
from typing import Any, BinaryIO

from state.audit import AuditLine
from state.books import Books
from state.clock import iso
from state.codec import encode
from state.credits import CoreCredit
from state.invoices import CoreInvoice
from state.receivables import CreditMemo, DownstreamInvoice
from sync import reporting
from sync.books import Run
from sync.bundle_check import LOG, MANIFEST, SUMS
from sync.progress import Progress
from sync.report.document import Document

_SOURCES: tuple[tuple[str, str, type], ...] = (
    ("core-invoices", "invoice", CoreInvoice),
    ("core-credits", "credit", CoreCredit),
    ("downstream-invoices", "document", DownstreamInvoice),
    ("credit-memos", "memo", CreditMemo),
)
_README = """\
Evidence for one run of Tieout. Everything in here was made from what the run kept.

reports/    each report as XLSX, CSV, JSON, JSON Lines, HTML and PDF; CSV and JSON Lines
            hold its main table, the others hold all of it
sources/    every version of every source document that had been seen by then
audit/      the audit log up to the run, line by line, with its hash chain
run.json    the run as it was kept
MANIFEST.json   what this bundle is of, and the sha256 of each file

To check that nothing was changed: sha256sum -c SHA256SUMS
To check the audit log's chain as well: python3 check.py
Keep the sha256 of MANIFEST.json somewhere else: it vouches for all the others.
"""
Redact = Callable[[str], str]
Put = Callable[[str, Iterator[bytes]], None]


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
    kept = store.run(run.run_id)
    text = kept[0] if kept else ""
    shown = redact(text)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as pack:
        put = partial(_put, pack, _moment(run.as_of), sums)
        for name in reporting.NAMES:
            wish = reporting.Wish(closed=True, internal=True)
            _report(put, reporting.document(name, material, wish), progress)
        for name, kind, word in _SOURCES:
            progress.step(f"copying {name}", None)
            put(f"sources/{name}.jsonl", _snapshot(store, run, kind, word, redact))
        put(LOG, _log(material.audit, redact))
        put("run.json", iter((shown.encode("utf-8", "replace"),)))
        put("README.txt", iter((_README.encode(),)))
        checker = resources.files("sync").joinpath("bundle_check.py").read_bytes()
        put("check.py", iter((checker,)))
        redacted = ["run.json"] if shown != text else []
        body = {**_manifest(run, digest, sums), "redacted": redacted}
        manifest = json.dumps(body, indent=2, sort_keys=True) + "\n"
        put(MANIFEST, iter((manifest.encode(),)))
        listed = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
        put(SUMS, iter((listed.encode(),)))
    return sums


def _put(
    pack: zipfile.ZipFile,
    moment: tuple[int, int, int, int, int, int],
    sums: dict[str, str],
    name: str,
    pieces: Iterator[bytes],
) -> None:
    hashed = sha256()
    entry = zipfile.ZipInfo(name, moment)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    with pack.open(entry, "w", force_zip64=True) as file:
        for piece in pieces:
            hashed.update(piece)
            file.write(piece)
    sums[name] = hashed.hexdigest()


def _report(put: Put, made: Document, progress: Progress) -> None:
    """One report in every format."""
    for form in (*reporting.FORMATS, "jsonl"):
        text = io.BytesIO()
        reporting.write(made, form, text, progress=progress)
        put(f"reports/{made.name}.{form}", iter((text.getvalue(),)))


def _log(lines: tuple[AuditLine, ...], redact: Redact) -> Iterator[bytes]:
    """The audit log as it is kept, so that whoever reads it can make each hash anew."""
    for line in lines:
        body = redact(line.body)
        shown = {
            "seq": line.seq,
            "at": line.at,
            "body": body,
            "prev": line.prev,
            "hash": line.hash,
            "redacted": body != line.body,  # then its own hash cannot be made anew
        }
        text = json.dumps(shown, sort_keys=True, ensure_ascii=False)
        yield (text + "\n").encode("utf-8", "replace")


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

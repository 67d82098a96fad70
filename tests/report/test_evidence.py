"""The evidence bundle: whole, the same each time, and without what must not leave the house."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from connectors.redaction import redact
from sync import evidence, reporting
from sync.progress import Silent
from sync.report.codec import run_text
from tests.report.company import CUTOFF, Company, seed_story


@pytest.fixture(scope="module")
def made() -> tuple[Company, bytes, dict[str, str]]:
    company = seed_story()
    run = company.reconcile()
    pack, sums = bundled(company, run)
    # What is learned later changes nothing of it.
    company.credit("cn_late", "in_hazel", 700, at=CUTOFF + timedelta(days=1))
    company.see(CUTOFF + timedelta(days=1))
    assert bundled(company, run)[0] == pack
    return company, pack, sums


def bundled(company: Company, run: object) -> tuple[bytes, dict[str, str]]:
    from sync.books import Run

    assert isinstance(run, Run)
    out = io.BytesIO()
    sums = evidence.bundle(
        company.store, run, run_text(run)[1], out, progress=Silent(),
        redact=lambda text: redact(text, ()),
    )  # fmt: skip
    return out.getvalue(), sums


def test_it_holds_every_report_in_every_format_with_its_sum(
    made: tuple[Company, bytes, dict[str, str]],
) -> None:
    _, pack, _ = made
    with zipfile.ZipFile(io.BytesIO(pack)) as files:
        assert files.testzip() is None
        manifest = json.loads(files.read("MANIFEST.json"))
        names = set(files.namelist())
        assert {
            f"reports/{n}.{f}" for n in reporting.NAMES for f in reporting.FORMATS
        } <= names
        assert set(manifest["files"]) == names - {"MANIFEST.json"}
        for name, digest in manifest["files"].items():
            assert sha256(files.read(name)).hexdigest() == digest
        assert sha256(files.read("run.json")).hexdigest() == manifest["run_sha256"]
        assert manifest["audit"]["seq"] > 0
        dates = {info.date_time for info in files.infolist()}
    assert dates == {CUTOFF.timetuple()[:6]}


def test_its_sources_are_what_was_seen_without_addresses(
    made: tuple[Company, bytes, dict[str, str]],
) -> None:
    _, pack, _ = made
    with zipfile.ZipFile(io.BytesIO(pack)) as files:
        lines = files.read("sources/downstream-invoices.jsonl").decode().splitlines()
        memos = files.read("sources/credit-memos.jsonl").decode()
    documents = [json.loads(line) for line in lines]
    assert {one["is"]["id"] for one in documents} >= {"in_acme1", "in_stray"}
    assert {one["is"]["url"] for one in documents} == {None}
    assert "cn_late" not in memos


def test_a_secret_in_a_text_does_not_leave(tmp_path: object) -> None:
    company = seed_story()
    key = "sk_live_" + "a1B2" * 6
    company.memos["cn_loose"] = replace(company.memos["cn_loose"], text=f"use {key}")
    company.see(CUTOFF - timedelta(days=1))
    run = company.reconcile()
    pack, _ = bundled(company, run)
    with zipfile.ZipFile(io.BytesIO(pack)) as files:
        assert key not in files.read("sources/credit-memos.jsonl").decode()
    company.close()

"""The evidence bundle: whole, the same each time, and without what must not leave the house."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

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
            f"reports/{n}.{f}"
            for n in reporting.NAMES
            for f in (*reporting.FORMATS, "jsonl")
        } <= names
        assert set(manifest["files"]) == names - {"MANIFEST.json", "SHA256SUMS"}
        assert manifest["redacted"] == []
        detail = files.read("reports/reconciliation.jsonl").splitlines()
        rows = json.loads(files.read("reports/reconciliation.json"))["tables"]["detail"]
        assert len(detail) == rows["count"] > 1
        for name, digest in manifest["files"].items():
            assert sha256(files.read(name)).hexdigest() == digest
        assert sha256(files.read("run.json")).hexdigest() == manifest["run_sha256"]
        assert manifest["audit"]["seq"] > 0
        dates = {info.date_time for info in files.infolist()}
    assert dates == {CUTOFF.timetuple()[:6]}


@pytest.fixture
def unpacked(made: tuple[Company, bytes, dict[str, str]], tmp_path: Path) -> Path:
    folder = tmp_path / "evidence"
    with zipfile.ZipFile(io.BytesIO(made[1])) as files:
        files.extractall(folder)
    return folder


def checked(folder: Path) -> tuple[int, str]:
    """What the program in the bundle says of it, run as a stranger runs it."""
    done = subprocess.run(
        [sys.executable, "-I", "-B", str(folder / "check.py")],
        capture_output=True,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).decode()


def test_a_stranger_checks_it_with_sha256sum_and_with_its_own_program(
    unpacked: Path,
) -> None:
    tool = shutil.which("sha256sum")
    assert tool is not None
    subprocess.run(
        [tool, "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=unpacked, check=True
    )
    assert checked(unpacked) == (
        0,
        "all of it holds: every file, and the audit log's chain\n",
    )


def edited(line: int, old: str, new: str) -> Callable[[Path], None]:
    """Somebody edits a line of the audit log, and writes the sums anew."""

    def change(folder: Path) -> None:
        path = folder / "audit/log.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        lines[line] = lines[line].replace(old, new)
        path.write_text("".join(lines))
        manifest = json.loads((folder / "MANIFEST.json").read_text())
        manifest["files"]["audit/log.jsonl"] = sha256(path.read_bytes()).hexdigest()
        (folder / "MANIFEST.json").write_text(json.dumps(manifest))

    return change


def cut(folder: Path) -> None:
    """The log's last line goes, and its sum with it."""
    path = folder / "audit/log.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    edited(0, "", "")(folder)


def swapped(folder: Path) -> None:
    (folder / "run.json").write_text("{}")
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    manifest["files"]["run.json"] = sha256(b"{}").hexdigest()
    (folder / "MANIFEST.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda at: (at / "reports/worklist.csv").write_bytes(b"x"), "is not as it was"),
        (lambda at: (at / "run.json").unlink(), "run.json: is not there"),
        (lambda at: (at / "more.txt").write_text("x"), "is not in the manifest"),
        (lambda at: (at / "MANIFEST.json").write_text("[]"), "MANIFEST.json: is not"),
        (edited(1, "worker", "nobody"), "line 2 does not follow"),
        (edited(1, '"seq": 2', '"seq": 3'), "line 2 does not follow"),
        (edited(0, "{", ""), "line 1 is not whole"),
        (cut, "does not end where the reports say"),
        (swapped, "is not the run that the reports name"),
    ],
)
def test_it_says_what_was_changed(
    unpacked: Path, harm: Callable[[Path], object], words: str
) -> None:
    harm(unpacked)
    code, said = checked(unpacked)
    assert code == 1
    assert words in said
    assert "Traceback" not in said


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

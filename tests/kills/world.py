"""One world: a served core, the stand-in, the fault servers, and a folder with books."""

import json
import shutil
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import requests
import yaml

from connectors.localcore import service as core_service
from connectors.sandbox.service import Handle, start
from state.books import Books
from state.pushes import SETTLED, PushState
from state.worklist import UNRESOLVED, Cause
from tests.kills.front import Front, Plan, Request
from tests.kills.processes import Child, Zygote

TOKEN = "core-token-canary"
KEY = "sk_test_kills_canary"
BEGIN = datetime(2026, 7, 1, tzinfo=UTC)
FORBIDDEN = ("/void", "/pay", "/mark_uncollectible", "/refunds", "/send")


@dataclass
class World:
    """Everything outside the daemon, and what to hold it to."""

    zygote: Zygote
    plan: Plan
    home: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="kills-")))
    state_folder: Path | None = None
    children: list[Child] = field(default_factory=list)
    wanted: dict[str, int] = field(default_factory=dict)  # core invoice id -> lines
    voided: set[str] = field(default_factory=set)
    offset_seconds: int = 0
    number: int = 0
    hour: int = 1

    def __enter__(self) -> Self:
        self.stripe: Handle = start()
        self.core_log = self.home / "core.log"
        words = ["core", "serve", "--port", "0", "--data", str(self.home / "core")]
        words += ["--clock", "manual", "--now", BEGIN.isoformat(), "--token", TOKEN]
        self.core = self.child(words, log=self.core_log)
        self.core_url = self._served()
        self.fronts = {
            "core": Front("core", self.core_url, self.plan).open(),
            "stripe": Front("stripe", self.stripe.url, self.plan).open(),
        }
        folder = self.state_folder or self.home
        self.books_path = folder / "state.db"
        config = {
            "entity": "acme",
            "core": {
                "kind": "metronome",
                "base_url": self.fronts["core"].url,
                "token": "env:CORE_TOKEN",
            },
            "stripe": {
                "mode": "sandbox",
                "api_key": "env:STRIPE_KEY",
                "api_base": self.fronts["stripe"].url,
                "create_customers": True,
                "requests_per_second": 1000,
            },
            "state": {"url": f"sqlite:///{self.books_path}"},
            "schedule": {"poll_every": "1s", "sweep_every": "1s", "observe_every": "1s"},
        }
        (self.home / "config.yaml").write_text(yaml.safe_dump(config))
        self.post(
            "/v1/customFields/addKey",
            entity="customer",
            key="billing_email",
            enforce_uniqueness=False,
        )
        self.product = self.post(
            "/v1/contract-pricing/products/create", name="Platform fee", type="FIXED"
        )["id"]
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.children:
            child.signal(signal.SIGKILL)
        for front in self.fronts.values():
            front.close()
        self.stripe.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    # --- processes ---------------------------------------------------------------------

    def child(self, words: list[str], *, log: Path | None = None, **more: Any) -> Child:
        """Start a command; its output goes to a file."""
        asked = {
            "words": words,
            "folder": str(self.home),
            "log": str(log or self.log),
            "environment": {"CORE_TOKEN": TOKEN, "STRIPE_KEY": KEY, "TIEOUT_LOG": "info"},
            "offset": str(self.home / "offset"),
            **more,
        }
        made = Child(self.zygote, self.zygote.ask(asked))
        self.children.append(made)
        return made

    def tieout(self, *words: str, **more: Any) -> Child:
        """Start a command of the daemon's side."""
        return self.child(list(words), **more)

    @property
    def log(self) -> Path:
        return self.home / "tieout.log"

    @property
    def text(self) -> str:
        """All that was written to standard error so far."""
        return self.log.read_text() if self.log.exists() else ""

    def _served(self) -> str:
        for _ in range(1000):
            said = Path(f"{self.core_log}.out")
            if said.exists():
                for line in said.read_text().splitlines():
                    if line.startswith("the embedded core serves "):
                        return line.removeprefix("the embedded core serves ")
            time.sleep(0.01)
        raise AssertionError("the core did not start")

    # --- the two systems ----------------------------------------------------------------

    def post(self, path: str, **body: Any) -> Any:
        """One call on the core, past its fault server."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.post(self.core_url + path, json=body, headers=headers, timeout=20)
        assert answer.ok, answer.text
        return answer.json().get("data")

    def bill(self, *sizes: int, customer: str = "") -> list[str]:
        """Finalize an invoice of so many lines for each size; their ids."""
        self.hour += 2
        at = BEGIN + timedelta(hours=self.hour)
        owners = []
        for lines in sizes:
            self.number += 1
            name = customer or f"Customer {self.number}"
            fields = {"billing_email": f"billing{self.number}@example.com"}
            made = self.post("/v1/customers", name=name, custom_fields=fields)
            who = made["id"]
            charge = {
                "product_id": self.product,
                "schedule": {
                    "schedule_items": [
                        {
                            "timestamp": at.isoformat(),
                            "unit_price": 100 + self.number,
                            "quantity": 1,
                        }
                    ]
                },
            }
            self.post(
                "/v1/contracts/create",
                customer_id=who,
                starting_at=(BEGIN + timedelta(hours=self.hour - 1))
                .replace(minute=0)
                .isoformat(),
                scheduled_charges=[charge] * lines,
            )
            owners.append((who, lines))
        core_service.set_clock(self.home / "core", at + timedelta(hours=1))
        billed = []
        for who, lines in owners:
            for invoice_id in self.finalized(who):
                self.wanted[invoice_id] = lines
                billed.append(invoice_id)
        return billed

    def finalized(self, customer: str) -> list[str]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"{self.core_url}/v1/customers/{customer}/invoices?status=FINALIZED"
        rows = requests.get(url, headers=headers, timeout=20).json()["data"]
        return [row["id"] for row in rows if row["total"]]

    def void(self, invoice_id: str) -> None:
        """Void in the core, and nowhere else."""
        self.post("/v1/invoices/void", id=invoice_id)
        self.voided.add(invoice_id)

    def pass_time(self, seconds: int) -> None:
        """Move the daemon's wall clock and Stripe's."""
        self.offset_seconds += seconds
        self.set_offset(self.offset_seconds)
        if seconds > 0:
            body = {"advance_seconds": seconds}
            requests.post(f"{self.stripe.url}/_sandbox/clock", json=body, timeout=5)

    def set_offset(self, seconds: int) -> None:
        part = self.home / "offset.part"
        part.write_text(str(seconds))
        part.replace(self.home / "offset")

    def stripe_faults(self, *rules: dict[str, Any]) -> None:
        """Faults that only the stand-in itself can have: what it saves under a key."""
        requests.post(f"{self.stripe.url}/_sandbox/faults", json=list(rules), timeout=5)

    @property
    def seen(self) -> list[Request]:
        return [one for front in self.fronts.values() for one in front.seen]

    # --- what must hold ------------------------------------------------------------------

    def books(self) -> Books:
        return Books(f"sqlite:///{self.books_path}", "acme", new_id=lambda: "test")

    def open_pushes(self) -> list[str]:
        """Invoices whose push has not come to its end."""
        if not self.books_path.exists():
            return list(self.wanted)
        store = self.books()
        try:
            known = store.pushes_by_id()
        finally:
            store.close()
        return [
            name
            for name in self.wanted
            if (name not in known and name not in self.voided)
            or (name in known and known[name].state not in SETTLED)
        ]

    def quarantined(self) -> list[tuple[str, str]]:
        store = self.books()
        try:
            stopped = store.pushes({PushState.QUARANTINED})
            return [(one.core_invoice_id, one.reason) for one in stopped]
        finally:
            store.close()

    def documents(self) -> dict[str, list[dict[str, Any]]]:
        """Stripe's invoices by the core invoice that they name, with their lines."""
        found: dict[str, list[dict[str, Any]]] = {}
        with self.stripe.sandbox.books.transaction("acct_sandbox") as tx:
            rows = tx.db.execute("SELECT body FROM objects WHERE kind = 'invoice'")
            for (text,) in rows.fetchall():
                body = json.loads(text)
                name = (body.get("metadata") or {}).get("core_invoice_id", "")
                found.setdefault(name, []).append(body)
        return found

    def verdict(self) -> Counter[str]:
        """What is wrong now that all is settled; empty is right."""
        wrong: Counter[str] = Counter()
        documents = self.documents()
        store = self.books()
        try:
            flags = store.flags(UNRESOLVED)
            records = store.pushes_by_id()
            wrong["audit chain broken"] += not store.verify_audit().ok
        finally:
            store.close()
        flagged = {flag.subject for flag in flags if flag.cause is Cause.VOIDED_IN_CORE}
        wrong["strange document"] += sum(name not in self.wanted for name in documents)
        for name, lines in self.wanted.items():
            held = documents.get(name, [])
            wrong["duplicate"] += max(0, len(held) - 1)
            if name in self.voided:
                unflagged = [one for one in held if one["id"] not in flagged]
                wrong["void without flag"] += len(unflagged)
                continue
            wrong["lost"] += not held
            record = records.get(name)
            wrong["not done"] += record is None or record.state is not PushState.DONE
            for one in held:
                keys = self._line_keys(one["id"])
                whole = len(keys) == lines == len(set(keys))
                wrong["half invoice"] += one["status"] != "open" or not whole
                total = record.pushed_minor if record is not None else -1
                wrong["wrong total"] += one["total"] != total
        owners = Counter(self._customers())
        wrong["duplicate customer"] += sum(count - 1 for count in owners.values())
        for request in self.seen:
            bad = request.path.endswith(FORBIDDEN) and request.system == "stripe"
            wrong["forbidden request"] += bad or request.method == "DELETE"
        wrong.update(self._keys_misused())
        wrong.update(self._said_badly())
        return +wrong

    def _customers(self) -> list[str]:
        with self.stripe.sandbox.books.transaction("acct_sandbox") as tx:
            rows = tx.db.execute("SELECT body FROM objects WHERE kind = 'customer'")
            bodies = [json.loads(text) for (text,) in rows.fetchall()]
        return [body["metadata"]["core_customer_id"] for body in bodies]

    def stories(self) -> str:
        """Record and audit lines of every invoice that is not well, for who must find out."""
        store, documents = self.books(), self.documents()
        try:
            records = store.pushes_by_id()
        finally:
            store.close()
        told = []
        with sqlite3.connect(self.books_path) as db:
            for name in self.wanted:
                record = records.get(name)
                held = [(one["id"], one["status"]) for one in documents.get(name, [])]
                if record is not None and record.state is PushState.DONE and len(held) == 1:
                    continue
                told.append(f"{name} voided={name in self.voided} {held} {record}")
                query = "SELECT at, body FROM audit WHERE body LIKE ? ORDER BY seq"
                told += [f"  {row}" for row in db.execute(query, (f"%{name}%",))]
        return "\n".join(told) + "\n"

    def _line_keys(self, document_id: str) -> list[str]:
        with self.stripe.sandbox.books.transaction("acct_sandbox") as tx:
            rows = tx.children("line_item", document_id)
        return [str((row.get("metadata") or {}).get("core_line_key")) for row in rows]

    def _keys_misused(self) -> Counter[str]:
        """The same key always carries the same bytes, and every writing has one."""
        wrong: Counter[str] = Counter()
        bodies: dict[str, bytes] = {}
        for request in self.fronts["stripe"].seen:
            if request.method != "POST":
                continue
            wrong["no key"] += not request.key
            first = bodies.setdefault(request.key, request.body)
            wrong[f"key {request.key} with other bytes"] += first != request.body
        return wrong

    def crashes(self) -> list[Path]:
        """What nobody foresaw."""
        return sorted((self.home / ".tieout").glob("crash-*.log"))

    def _said_badly(self) -> Counter[str]:
        wrong: Counter[str] = Counter()
        wrong["crash file"] += len(self.crashes())
        for line in self.text.splitlines():
            wrong["traceback"] += "Traceback" in line
            wrong["secret in the log"] += KEY in line or TOKEN in line
            wrong["line of no form"] += not line.startswith(("{", "tieout: "))
        return wrong

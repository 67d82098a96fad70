"""An accountant at a real Tryton: acts in Tryton's own venv, the register beside."""

import json
import subprocess
from typing import Any

from connectors.erp.tryton import Tryton
from connectors.redaction import Secret
from tests.contracts.registers import DELETE, ENTITIES, FAULTS, LATE
from tests.live.servers import HERE, Server
from tests.live.steady import CLOCK, RNG


class TrytonDesk:
    """A posted invoice cannot be deleted there, and one key sees one company."""

    lacks: frozenset[str] = frozenset({LATE, FAULTS, DELETE, ENTITIES})

    def __init__(self, server: Server, *, page: int = 4) -> None:
        keys: dict[str, Any] = json.loads(server.keys.read_text())
        self.register = Tryton(
            "books",
            server.url,
            database="erp",
            token=Secret(keys["robot"]["key"]),
            clock=CLOCK,
            rng=RNG,
            page=page,
        )
        self._acts = subprocess.Popen(
            [
                str(server.home / "venv/bin/python"),
                "-W",
                "ignore",
                str(HERE / "tryton/acts.py"),
                "trytond.conf",
                keys["accountant"]["login"],
                str(keys["revenue"]),
            ],
            cwd=server.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        assert self._acts.stdin is not None
        assert self._acts.stdout is not None
        self._acts.stdin.close()
        self._acts.wait(30)
        self._acts.stdout.close()

    def _act(self, name: str, *words: Any) -> Any:
        assert self._acts.stdin is not None
        assert self._acts.stdout is not None
        self._acts.stdin.write(json.dumps({"act": name, "words": words}) + "\n")
        self._acts.stdin.flush()
        answer = json.loads(self._acts.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["said"]

    def invoice(
        self,
        reference: str,
        minor: int,
        *,
        currency: str = "USD",
        entity: int = 0,
        draft: bool = False,
    ) -> str:
        return str(self._act("invoice", reference, minor, currency, not draft))

    def many(self, count: int) -> list[str]:
        return [str(one) for one in self._act("many", count, "core-many")]

    def void(self, document_id: str) -> None:
        self._act("void", int(document_id))

    def pay(self, document_id: str, minor: int) -> None:
        self._act("pay", int(document_id), minor)

    def credit(self, document_id: str, minor: int, *, how: str = "applied") -> str:
        return str(self._act("credit", int(document_id), minor, how))

    def delete(self, document_id: str) -> None:
        raise NotImplementedError

    def late(self, reference: str, minor: int) -> str:
        raise NotImplementedError

    def fault(self, kind: str, times: int) -> None:
        raise NotImplementedError

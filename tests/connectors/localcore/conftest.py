"""A served core for each test, with the official client talking to it over loopback."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from metronome import Metronome

from connectors.localcore import service

TOKEN = "core-token"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Core:
    """A served core and the ways to ask it."""

    url: str
    data_dir: Path
    log: list[str]

    def sdk(self, token: str = TOKEN, **options: Any) -> Metronome:
        """The official client, unmodified, with strict response validation."""
        return Metronome(
            bearer_token=token,
            base_url=self.url,
            _strict_response_validation=True,
            **options,
        )

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        """One plain call, as the wire sees it."""
        given = {"Authorization": f"Bearer {TOKEN}", **(headers or {})}
        if raw is not None:
            return requests.request(
                method, self.url + path, data=raw, headers=given, timeout=30
            )
        return requests.request(
            method, self.url + path, json=body, headers=given, timeout=30
        )

    def post(self, path: str, body: Any) -> Any:
        """The JSON answer of a POST that must succeed."""
        answer = self.call("POST", path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, path: str, body: Any, method: str = "POST") -> tuple[int, str]:
        """The status and message of a call that must be refused."""
        answer = self.call(method, path, body)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["message"]

    def to(self, moment: datetime) -> int:
        """Move the core's clock as the command does; the pieces of due work run."""
        return service.set_clock(self.data_dir, moment)


def counting_ids() -> Callable[[], str]:
    """Ids that count, so that a test reads the same every time."""
    numbers = itertools.count(1)
    return lambda: f"00000000-0000-4000-8000-{next(numbers):012d}"


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    log: list[str] = []
    handle = service.start(
        tmp_path,
        token=TOKEN,
        clock_kind="manual",
        now=BEGIN,
        log=log.append,
        new_id=counting_ids(),
    )
    try:
        yield Core(handle.url, tmp_path, log)
    finally:
        handle.stop()


@pytest.fixture
def sdk(core: Core) -> Iterator[Metronome]:
    with core.sdk(max_retries=0) as client:
        yield client

"""The log: one line an event, a word on each, and never a secret."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from connectors.redaction import HIDDEN
from connectors.wire import Exchange, log_exchange
from sync.logs import UnknownLevel, configure
from sync.secrets import resolve

CANARY = "canary-of-the-log-0815"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    for name in ("apscheduler", "stripe", "urllib3", "uvicorn", "tzlocal", "asyncio"):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True
        library.setLevel(logging.NOTSET)


def written(say: Any, *, terminal: bool = False, level: str | None = "debug") -> list[str]:
    stream = io.StringIO()
    configure(level, stream=stream, terminal=terminal)
    say(structlog.get_logger("tieout.test"))
    return stream.getvalue().splitlines()


def test_a_line_for_a_machine_has_a_time_a_level_a_word_and_a_sentence() -> None:
    (line,) = written(lambda log: log.info("a pass ended", action="pass.ended", pushed=3))
    event = json.loads(line)
    assert event["at"].endswith("Z")
    assert datetime.fromisoformat(event.pop("at")).tzinfo is not None
    assert event == {
        "level": "info",
        "action": "pass.ended",
        "event": "a pass ended",
        "pushed": 3,
    }


def test_a_line_without_a_word_gets_one_from_its_logger_and_sentence() -> None:
    (line,) = written(lambda log: log.info("The lease is lost!"))
    assert json.loads(line)["action"] == "test.the_lease_is_lost"


def test_every_request_line_has_its_word() -> None:
    (line,) = written(
        lambda _: log_exchange(Exchange("core", "GET", "/v1/customers", 200, 12, 1))
    )
    event = json.loads(line)
    assert event["action"] == "http.request"
    assert event["path"] == "/v1/customers"


def test_at_a_terminal_a_line_is_for_reading() -> None:
    (line,) = written(
        lambda log: log.warning("it waits", action="push.waits", id="i1"), terminal=True
    )
    assert "warning push.waits it waits id=i1" in line
    assert "{" not in line


@pytest.mark.parametrize("terminal", [True, False])
def test_a_resolved_secret_never_reaches_the_log(
    monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setenv("LOG_CANARY", CANARY)
    secret, said = resolve("env:LOG_CANARY", "core.token"), f"it said {CANARY}"
    (line,) = written(
        lambda log: log.error(
            said,
            failure=ValueError(f"bad token {CANARY}"),
            nested={"a": [f"x{CANARY}y"], CANARY: 1},
            secret=secret,
            authorization="Bearer abc",
            key="sk_live_4eC39HqLyjWDarjt",
        ),
        terminal=terminal,
    )
    assert HIDDEN in line
    assert "4eC39" not in line
    assert "abc" not in line
    assert CANARY not in line.replace("_", "-")


def test_text_of_others_cannot_begin_a_line_or_paint_the_screen() -> None:
    forged = 'x\r\n{"level": "info", "action": "push.done"}\x1b[2J\x00\u2028'
    for terminal in (True, False):
        lines = written(
            lambda log: log.info(forged, who=forged, a={forged: forged}), terminal=terminal
        )
        assert len(lines) == 1
        assert "\x1b" not in lines[0]


@given(st.text(), st.text(), st.dictionaries(st.text(), st.text(), max_size=3))
def test_any_text_is_one_line_of_json(one: str, two: str, more: dict[str, str]) -> None:
    lines = written(lambda log: log.info(one, who=two, more=more))
    assert len(lines) == 1
    assert set(json.loads(lines[0])) == {"at", "level", "action", "event", "who", "more"}


def test_a_long_text_is_cut() -> None:
    (line,) = written(lambda log: log.info("x" * 10_000))
    assert len(line) < 3000


def test_values_of_many_kinds_are_written_plainly() -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    (line,) = written(lambda log: log.info("said", at_=at, many={1}, none=None, ok=True))
    event = json.loads(line)
    assert (event["at_"], event["many"], event["none"], event["ok"]) == (
        "2026-11-01T00:00:00Z",
        [1],
        None,
        True,
    )


def test_the_level_is_the_flag_then_the_variable_then_the_usual_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def count(level: str | None) -> int:
        return len(
            written(
                lambda log: (log.debug("d"), log.info("i"), log.warning("w")), level=level
            )
        )

    assert count("debug") == 3
    assert count(None) == 1
    monkeypatch.setenv("TIEOUT_LOG", "INFO")
    assert count(None) == 2
    assert count("error") == 0
    monkeypatch.setenv("TIEOUT_LOG", "loud")
    with pytest.raises(UnknownLevel, match="one of debug, info, warning, error, not loud"):
        count(None)


def test_a_library_speaks_through_the_same_log_from_warnings_up() -> None:
    def say(_: Any) -> None:
        log = logging.getLogger("apscheduler.scheduler")
        log.info("Adding job")
        try:
            raise ValueError("no\nluck")
        except ValueError:
            log.exception("Job %s raised", "poll")

    (line,) = written(say)
    event = json.loads(line)
    assert event["action"] == "apscheduler.said"
    assert event["event"] == "Job poll raised"
    assert event["failure"] == "ValueError: no luck"


def test_a_closed_stream_ends_the_log_and_not_the_work() -> None:
    stream = io.StringIO()
    configure("info", stream=stream)
    stream.close()
    structlog.get_logger("tieout").info("nobody hears this")

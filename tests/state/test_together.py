"""Works that wait share one transaction, and still stand or fall each for itself."""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from state.engine import StoreUnusable, open_engine, transaction
from state.together import Together


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(f"sqlite:///{tmp_path}/state.db")
    yield made
    made.dispose()


def together_on(engine: Engine, turn: Any) -> Together:
    return Together(turn, partial(transaction, engine))


def keep(name: str) -> Any:
    def work(connection: Connection) -> None:
        row = {"name": name}
        connection.execute(
            text("INSERT INTO facts (entity, name, value) VALUES ('e', :name, '1')"), row
        )
        if name.startswith("bad"):
            raise LookupError(name)

    return work


def kept(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT name FROM facts WHERE entity = 'e'"))
        return sorted(row[0] for row in rows)


def all_at_once(together: Together, turn: Any, names: list[str]) -> dict[str, str]:
    """Let every thread wait for the turn, then give it; how each ended."""
    ends: dict[str, str] = {}

    def write(name: str) -> None:
        try:
            together.write(keep(name))
        except (LookupError, StoreUnusable) as error:
            ends[name] = type(error).__name__
        else:
            ends[name] = "kept"

    threads = [threading.Thread(target=write, args=(name,)) for name in names]
    with turn:
        for thread in threads:
            thread.start()
        while len(together._queue) < len(names):
            threading.Event().wait(0.001)
    for thread in threads:
        thread.join()
    return ends


def test_one_commit_keeps_all_who_wait_and_a_failure_is_its_own(engine: Engine) -> None:
    turn = threading.RLock()
    commits: list[int] = []
    event.listen(engine, "commit", lambda _: commits.append(1))
    names = [f"good-{n}" for n in range(8)] + ["bad-1", "bad-2"]
    ends = all_at_once(together_on(engine, turn), turn, names)
    assert {name for name, end in ends.items() if end == "kept"} == set(names[:8])
    assert {ends["bad-1"], ends["bad-2"]} == {"LookupError"}
    assert kept(engine) == sorted(names[:8])
    assert len(commits) == 1


def test_a_work_alone_raises_its_own_failure_and_keeps_nothing(engine: Engine) -> None:
    together = together_on(engine, threading.RLock())
    with pytest.raises(LookupError, match="bad-0"):
        together.write(keep("bad-0"))
    together.write(keep("good"))
    assert kept(engine) == ["good"]


def test_a_database_that_fails_fails_for_all_who_wait(engine: Engine) -> None:
    turn = threading.RLock()

    def refuse(_connection: Connection) -> None:
        raise StoreUnusable("database or disk is full")

    event.listen(engine, "commit", refuse)
    ends = all_at_once(together_on(engine, turn), turn, ["one", "two", "three"])
    assert set(ends.values()) == {"StoreUnusable"}
    event.remove(engine, "commit", refuse)
    assert kept(engine) == []


def test_who_is_interrupted_leaves_the_others_to_themselves(engine: Engine) -> None:
    together = together_on(engine, threading.RLock())

    def stop(_connection: Connection) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together.write(stop)
    together.write(keep("after"))
    assert kept(engine) == ["after"]


def test_a_commit_that_fails_in_any_way_fails_for_all_who_wait(engine: Engine) -> None:
    turn = threading.RLock()

    def refuse(_connection: Connection) -> None:
        raise LookupError("the driver lost the connection")

    event.listen(engine, "commit", refuse)
    ends = all_at_once(together_on(engine, turn), turn, ["one", "two", "three"])
    event.remove(engine, "commit", refuse)
    assert ends == dict.fromkeys(("one", "two", "three"), "LookupError")
    assert kept(engine) == []

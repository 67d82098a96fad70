"""The token table: one claim at a time, on SQLite and PostgreSQL alike."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from state.tokenbook import TokenBook
from state.tokens import Claim, ClaimLost, KeptToken

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
_numbers = count(1)


@pytest.fixture(params=["sqlite", "postgresql"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TokenBook]:
    url = f"sqlite:///{tmp_path}/state.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = TokenBook(url, "acme", new_id=lambda: f"claim-{next(_numbers)}")
    yield made
    made.close()


def kept(name: str = "books", **more: str) -> KeptToken:
    return KeptToken(
        name, more.get("sealed", "plain:x"), NOW, NOW + timedelta(days=60), NOW
    )


def claimed(book: TokenBook, name: str = "books", *, at: datetime = NOW) -> Claim:
    claim = book.claim(name, now=at, seconds=60)
    assert claim is not None
    return claim


def test_what_is_kept_is_read_as_it_was(book: TokenBook) -> None:
    assert book.token("books") is None
    book.keep(claimed(book), kept())
    assert book.token("books") == kept()
    book.keep(claimed(book, "another"), kept("another", sealed="fernet:y"))
    assert [one.name for one in book.tokens()] == ["another", "books"]


def test_a_claim_is_one_s_until_it_is_given_back_or_lapses(book: TokenBook) -> None:
    first = claimed(book)
    assert book.claim("books", now=NOW + timedelta(seconds=59), seconds=60) is None
    assert book.claim("another", now=NOW, seconds=60) is not None
    book.release(first)
    second = claimed(book)
    assert claimed(book, at=NOW + timedelta(seconds=61)) != second


def test_whose_claim_has_lapsed_keeps_nothing(book: TokenBook) -> None:
    slow = claimed(book)
    book.keep(claimed(book, at=NOW + timedelta(seconds=61)), kept(sealed="plain:newer"))
    with pytest.raises(ClaimLost, match="another has renewed"):
        book.keep(slow, kept(sealed="plain:older"))
    book.refuse(slow, "too late")
    found = book.token("books")
    assert found is not None
    assert (found.sealed, found.refusal) == ("plain:newer", "")


def test_a_refusal_stays_until_a_new_token_is_kept(book: TokenBook) -> None:
    book.keep(claimed(book), kept())
    book.refuse(claimed(book), "invalid_grant")
    found = book.token("books")
    assert found is not None
    assert (found.sealed, found.refusal) == ("plain:x", "invalid_grant")
    book.keep(claimed(book), kept(sealed="plain:new"))
    assert book.tokens() == [kept(sealed="plain:new")]


def test_of_many_at_once_one_has_the_claim(book: TokenBook) -> None:
    found: list[Claim | None] = []
    gate = threading.Barrier(6)

    def one() -> None:
        gate.wait(20)
        found.append(book.claim("books", now=NOW, seconds=60))

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(claim is not None for claim in found) == 1


def test_entities_do_not_see_each_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    one, other = (TokenBook(url, name, new_id=lambda: "x") for name in ("acme", "other"))
    one.keep(claimed(one), kept())
    assert other.token("books") is None
    for book in (one, other):
        book.close()


def test_nothing_is_made_before_something_is_asked(tmp_path: Path) -> None:
    book = TokenBook(f"sqlite:///{tmp_path}/state.db", "acme", new_id=lambda: "x")
    book.close()
    assert list(tmp_path.iterdir()) == []

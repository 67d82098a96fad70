"""Stripe's client over our transport: whatever answers, a call ends in one of our ways."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random

import pytest

from connectors.budget import EVERYWHERE
from connectors.failures import ConnectorFailure, Incomplete, NotNow, Refused, Unknown
from connectors.stripe_receivables import StripeReceivables
from tests.clocks import StillClock

INVOICE = b'{"id":"in_1","object":"invoice","status":"draft","currency":"usd","total":0}'
Say = Callable[[socket.socket], None]


def answer(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


class Server:
    """Answers every connection with what the test says, and counts them."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.seen: list[str] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer:
                text = peer.recv(65_536).decode()
                self.seen.append(text.partition("\r\n")[0])
                try:
                    self.say(peer)
                except OSError:
                    continue


class Counted:
    """A budget that only writes down."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.slowed: list[str] = []

    @contextmanager
    def turn(self, endpoint: str) -> Iterator[float]:
        self.asked.append(endpoint)
        yield 7.0

    def slow_down(self, endpoint: str, turn: float) -> None:
        assert turn == 7.0
        self.slowed.append(endpoint)


@pytest.fixture
def served() -> Iterator[Callable[[Say], Server]]:
    made: list[Server] = []

    def serve(say: Say) -> Server:
        made.append(Server(say))
        return made[-1]

    yield serve
    for server in made:
        server.socket.close()


def stripe_at(url: str, budget: Counted | None = None) -> StripeReceivables:
    return StripeReceivables(
        "sk_test_x", clock=StillClock(), rng=Random(1), api_base=url, budget=budget
    )


BOMB = gzip.compress(b" " * (40 * 1024 * 1024))
LIMITED = b'{"error":{"type":"invalid_request_error","code":"rate_limit","message":"slow"}}'
LOCKED = (
    b'{"error":{"type":"invalid_request_error","code":"lock_timeout","message":"held"}}'
)


@pytest.mark.parametrize(
    ("said", "end"),
    [
        (answer(302, b"", "Location: http://127.0.0.1:9/"), Unknown),
        (answer(200, b"<html></html>", "Content-Type: text/html"), Unknown),
        (answer(200, INVOICE[:40]), Unknown),
        (answer(200, b"[]"), Unknown),
        (answer(200, b"null"), Unknown),
        (answer(200, b'{"id":"in_1"}'), Unknown),
        (answer(200, INVOICE.replace(b"draft", b"frozen")), Unknown),
        (answer(200, INVOICE.replace(b":0", b':"many"')), Unknown),
        (answer(200, BOMB, "Content-Encoding: gzip"), Unknown),
        (answer(200, b"x", "Content-Encoding: br"), Unknown),
        (answer(200, INVOICE)[:-10], Unknown),
        (answer(503, b"no"), Unknown),
        (b"", Unknown),
        (b"garbage\r\n\r\n", Unknown),
        (answer(429, LIMITED), NotNow),
        (answer(409, LOCKED), NotNow),
        (answer(400, LIMITED), Refused),
    ],
)
def test_a_writing_ends_in_one_of_our_ways_and_goes_out_once(
    served: Callable[[Say], Server], said: bytes, end: type[ConnectorFailure]
) -> None:
    server = served(lambda peer: peer.sendall(said))
    with pytest.raises(ConnectorFailure) as ended:
        stripe_at(server.url).create_draft('{"customer": "cus_1"}', key="k")
    assert isinstance(ended.value, end)
    assert "Stripe" in str(ended.value)
    assert len(server.seen) == 1


def test_a_writing_that_was_not_accepted_was_not_done() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(NotNow, match="refused the connection"):
        stripe_at(url).finalize("in_1", key="k")


def test_a_reading_is_asked_again_and_what_cannot_be_read_is_not(
    served: Callable[[Say], Server],
) -> None:
    answers = iter([answer(503, b"no"), b"", answer(200, INVOICE)])
    server = served(lambda peer: peer.sendall(next(answers)))
    (document,) = stripe_at(server.url).read("in_1").documents
    assert (document.id, len(server.seen)) == ("in_1", 3)
    odd = served(lambda peer: peer.sendall(answer(200, b'{"data": 5}')))
    with pytest.raises(Incomplete, match="not what Stripe answers"):
        stripe_at(odd.url).line_keys("in_1")
    assert len(odd.seen) == 1


@pytest.mark.parametrize("name", [b'["x"]', b"7", b"null", b'""', b"{}"])
def test_what_is_no_id_is_never_kept_as_one(
    served: Callable[[Say], Server], name: bytes
) -> None:
    """Kept, it would stand as the customer's for good, and every push would be refused."""
    body = INVOICE.replace(b'"in_1"', name)
    stripe = stripe_at(served(lambda peer: peer.sendall(answer(200, body))).url)
    for writing in (
        lambda: stripe.create_customer("cc_1", "Acme", email=None, key="k"),
        lambda: stripe.create_draft("{}", key="k"),
    ):
        with pytest.raises(Unknown, match="its id is no text"):
            writing()


@pytest.mark.parametrize(
    "body", [b'{"data": 7, "id": ["x"]}', b"[]", b"7", b'{"data": [7]}']
)
def test_no_reading_stumbles_over_an_answer_of_another_shape(
    served: Callable[[Say], Server], body: bytes
) -> None:
    stripe = stripe_at(served(lambda peer: peer.sendall(answer(200, body))).url)
    now = datetime(2026, 11, 24, tzinfo=UTC)
    for reading in (
        stripe.identify,
        lambda: list(stripe.sweep()),
        lambda: stripe.changes(str(int(now.timestamp()) - 600), now),
        lambda: stripe.read("in_1"),
        lambda: stripe.find("cus_1", "ci_1"),
        lambda: stripe.line_keys("in_1"),
        lambda: stripe.find_customer("cc_1"),
    ):
        with pytest.raises(Incomplete, match="not what Stripe answers"):
            reading()


def test_a_drip_is_cut_at_the_deadline(served: Callable[[Say], Server]) -> None:
    clock = StillClock()

    def drip(peer: socket.socket) -> None:
        peer.sendall(answer(200, INVOICE)[:-20])
        for _ in range(40):
            clock.sleep(5)  # every piece comes within the time for one piece
            peer.sendall(b" ")
            time.sleep(0.005)

    server = served(drip)
    stripe = StripeReceivables("sk_test_x", clock=clock, rng=Random(1), api_base=server.url)
    with pytest.raises(Unknown, match="in time"):
        stripe.create_draft("{}", key="k")


def test_an_id_of_another_shape_stays_one_piece_of_the_path(
    served: Callable[[Say], Server],
) -> None:
    server = served(lambda peer: peer.sendall(answer(200, INVOICE)))
    stripe_at(server.url).annotate("../customers?x=1", {}, key="k")
    assert server.seen == ["POST /v1/invoices/..%2Fcustomers%3Fx%3D1 HTTP/1.1"]


@pytest.mark.parametrize(
    ("said", "slowed"),
    [
        (answer(429, LIMITED), ["POST invoices"]),
        (
            answer(429, LIMITED, "Stripe-Rate-Limited-Reason: endpoint-rate"),
            ["POST invoices"],
        ),
        (answer(429, LIMITED, "Stripe-Rate-Limited-Reason: global-rate"), [EVERYWHERE]),
        (answer(429, LOCKED), []),
        (answer(409, LIMITED), []),
    ],
)
def test_a_limit_that_was_met_slows_down_what_it_limits(
    served: Callable[[Say], Server], said: bytes, slowed: list[str]
) -> None:
    budget = Counted()
    server = served(lambda peer: peer.sendall(said))
    with pytest.raises(NotNow):
        stripe_at(server.url, budget).create_draft("{}", key="k")
    assert budget.asked == ["POST invoices"]
    assert budget.slowed == slowed


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        (["Retry-After: 7"], 7.0),
        (
            [
                "Date: Tue, 24 Nov 2026 10:00:00 GMT",
                "Retry-After: Tue, 24 Nov 2026 10:00:30 GMT",
            ],
            30.0,
        ),
        (["Retry-After: soon"], None),
        ([], None),
    ],
)
def test_what_stripe_asks_to_wait_is_kept(
    served: Callable[[Say], Server], headers: list[str], wait: float | None
) -> None:
    server = served(lambda peer: peer.sendall(answer(429, LIMITED, *headers)))
    with pytest.raises(NotNow) as ended:
        stripe_at(server.url).create_draft("{}", key="k")
    assert ended.value.retry_after == wait

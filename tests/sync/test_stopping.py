"""A process that is to end begins nothing new, and nothing that sleeps is waited for."""

from threading import Event, Thread

import pytest

from state.clock import Stopped
from state.pushes import PushState
from state.receivables import DownstreamInvoice
from sync.wiring import SystemClock
from tests.sync.stand import Stand


def test_a_sleep_ends_when_the_process_is_to_end() -> None:
    stop, ends = Event(), []
    clock = SystemClock(stop)

    def sleeps() -> None:
        try:
            clock.sleep(600)
        except Stopped:
            ends.append("woken")

    some = [Thread(target=sleeps) for _ in range(3)]
    for one in some:
        one.start()
    stop.set()
    for one in some:
        one.join(30)
    assert ends == ["woken"] * 3
    with pytest.raises(Stopped):
        clock.sleep(0)
    SystemClock().sleep(0)


def test_a_call_that_is_out_gets_its_answer_and_nothing_follows_it(stand: Stand) -> None:
    for name in ("ci_1", "ci_2"):
        stand.core.bill(name, 1000)
    create = stand.parts.stripe.create_draft

    def meanwhile(terms: str, *, key: str) -> DownstreamInvoice:
        stand.parts.stop.set()
        return create(terms, key=key)

    stand.parts.stripe.create_draft = meanwhile  # type: ignore[method-assign]  # a signal arrives here
    stand.passes(1)
    first, second = stand.push("ci_1"), stand.push("ci_2")
    assert (first.state, first.in_flight) == (PushState.CREATED, False)
    assert second.state is PushState.PENDING
    assert len(stand.requests()) == 1
    stand.parts.stripe.create_draft = create  # type: ignore[method-assign]
    stand.parts.stop.clear()
    assert stand.passes(1).pushed == 2

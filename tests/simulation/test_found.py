"""What the worlds have found, told again: each of these once broke an invariant."""

from datetime import timedelta

from sync.simulation.faults import Fault, Point, ToldFaults
from sync.simulation.life import EVERY, Ended, play
from sync.simulation.run import dice
from sync.simulation.world import Scenario


def lived(
    *story: tuple[Point, Fault] | tuple[Point, Fault, int],
    cycles: int = 3,
    every: timedelta = EVERY[1],
    seed: int = 0,
) -> Ended:
    faults = ToldFaults(*story)
    ended = play(Scenario(cycles=cycles, every=every), faults, dice(seed))
    happened = [entry.partition("@")[0] for entry in ended.schedule if entry[0] != "["]
    assert happened == [one[1] for one in story]
    return ended


def test_an_answer_that_a_key_repeats_is_not_a_reading() -> None:
    """A total of nothing was finalized: the lines were gone, and the answer an old one."""
    ended = lived(
        (Point.AFTER_CALL, Fault.CRASH_AFTER_CALL, 1),
        (Point.BEFORE_SETTLE, Fault.PERSON_EMPTIES_DRAFT),
    )
    assert ended.broken is None
    assert "in_1 v0 OPEN 1000 2" in ended.end


def test_a_retried_push_whose_invoice_is_voided_is_not_called_cancelled() -> None:
    ended = lived(
        (Point.AFTER_CALL, Fault.CORE_VOID, 1),
        (Point.BEFORE_SETTLE, Fault.PERSON_RETRIES, 2),
    )
    assert ended.broken is None
    assert "v0 ABANDONED in_1" in ended.end


def test_a_retry_outwaits_a_create_that_may_still_land() -> None:
    """Two invoices for one: the first request landed after the retry had billed anew."""
    ended = lived(
        (Point.CALL, Fault.LATE_REQUEST),
        (Point.CALL, Fault.REFUSED),
        (Point.READ, Fault.PERSON_RETRIES, 1),
    )
    assert ended.broken is None
    assert "in_2" not in ended.end


def test_a_held_replacement_that_is_voided_too_is_cancelled() -> None:
    """Two held versions of one paid invoice took the one flag from each other for ever."""
    ended = lived(
        (Point.READ, Fault.PERSON_PAYS, 6),
        (Point.READ, Fault.CORE_VOID_REGENERATE),
        (Point.READ, Fault.CORE_VOID_REGENERATE, 2),
        cycles=4,
    )
    assert ended.broken is None
    assert "v1 CANCELLED" in ended.end
    assert "v2 HELD None REPLACEMENT_OF_PAID" in ended.end


def test_a_key_that_was_used_for_another_customer_is_not_given_up() -> None:
    """A create on its way, an old database put back, and another mapping: two invoices."""
    ended = lived(
        (Point.CALL, Fault.LATE_REQUEST),
        (Point.READ, Fault.RESTORED_OLD_DATABASE),
        (Point.READ, Fault.CORE_REMAPS),
        (Point.BEFORE_INTENT, Fault.CLOCK_MINUTES),
        every=EVERY[0],
        seed=1,
    )
    assert "[late create lands]" in ended.schedule[:5]
    assert ended.broken is None
    assert "in_2" not in ended.end


def test_a_mapping_that_changes_after_the_push_bills_nobody_anew() -> None:
    """Put back from an old backup, the list of the new customer shows nothing of it."""
    ended = lived(
        (Point.READ, Fault.CORE_REMAPS, 2),
        (Point.READ, Fault.RESTORED_OLD_DATABASE),
        cycles=5,
    )
    assert ended.broken is None
    assert "in_2" not in ended.end

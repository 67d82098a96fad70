"""The simulator is worth what it catches: defects planted in the decisions."""

import pytest

from sync.simulation import fast, memory, world
from sync.simulation.faults import Fault, Point, ToldFaults
from sync.simulation.life import play
from sync.simulation.run import dice, one_world
from sync.simulation.world import Rules, Scenario
from tests.simulation import planted


@pytest.mark.parametrize(
    ("rules", "number"),
    [
        (Rules(next_action=planted.no_look_up), "1"),  # 31 of 2,000 worlds
        (Rules(absorb=planted.new_key_after_5xx), "5"),  # 108
        (Rules(next_action=planted.finalize_unread), "28"),  # 49
        (Rules(next_action=planted.cancelled_though_tried), "7"),  # 9
    ],
    ids=[
        "no look-up",
        "a new key after a 5xx",
        "finalized unread",
        "cancelled though tried",
    ],
)
def test_a_planted_decision_is_caught(rules: Rules, number: str) -> None:
    caught = (one_world(seed, rules=rules).broken for seed in range(2000))
    assert any((broken or "").startswith(f"{number}:") for broken in caught)


def test_a_total_taken_from_an_answer_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "_seen_after", planted.believe_the_answer)
    story = ToldFaults(
        (Point.AFTER_CALL, Fault.CRASH_AFTER_CALL, 1),
        (Point.BEFORE_SETTLE, Fault.PERSON_EMPTIES_DRAFT),
    )
    broken = play(Scenario(cycles=3), story, dice(0)).broken
    assert broken == "2: in_1 was finalized at 0, v0 is 1000"


def test_a_retry_that_does_not_wait_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "retry", planted.retry_at_once)
    story = ToldFaults(
        (Point.CALL, Fault.LATE_REQUEST),
        (Point.CALL, Fault.REFUSED),
        (Point.READ, Fault.PERSON_RETRIES, 1),
    )
    broken = play(Scenario(cycles=3), story, dice(0)).broken
    assert broken == "1: v0 is billed by in_1, in_2"


def test_a_pass_that_overrules_a_person_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    story = (Point.BEFORE_INTENT, Fault.PERSON_SKIPS)
    sound = play(Scenario(cycles=3), ToldFaults(story), dice(0))
    assert (sound.broken, sound.end) == (None, "v0 SKIPPED None BY_HAND")
    monkeypatch.setattr(memory.Memory, "commit", planted.commit_regardless)
    broken = play(Scenario(cycles=3), ToldFaults(story), dice(0)).broken
    assert broken == "8: v0 went from SKIPPED to ATTEMPTED"


def test_a_look_that_forgets_the_books_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast.Worker, "_look_up", planted.look_at_the_list_alone)
    story = ToldFaults(
        (Point.READ, Fault.CORE_REMAPS, 2), (Point.READ, Fault.RESTORED_OLD_DATABASE)
    )
    broken = play(Scenario(cycles=5), story, dice(0)).broken
    assert broken == "1: v0 is billed by in_1, in_2"


def test_a_hold_that_outlives_its_invoice_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "decide_push", planted.hold_for_ever)
    story = ToldFaults(
        (Point.READ, Fault.PERSON_PAYS, 6),
        (Point.READ, Fault.CORE_VOID_REGENERATE),
        (Point.READ, Fault.CORE_VOID_REGENERATE, 2),
    )
    broken = play(Scenario(cycles=4), story, dice(0)).broken
    assert broken == "31: a quiet pass moved what was recorded"

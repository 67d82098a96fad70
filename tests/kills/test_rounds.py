"""A seeded share of the kills; `make kills N=200 SEED=1` runs as many as you ask for."""

from random import Random

from tests.kills.processes import Zygote
from tests.kills.rounds import POINTS, Life, Tally, order


def test_a_daemon_killed_anywhere_bills_once_and_whole(zygote: Zygote) -> None:
    """Points where most is at stake, each with a kill of its own, then all that follows."""
    tally = Tally(seed=11)
    points = [
        "stripe POST /v1/invoices overtaken",
        "stripe POST /v1/invoices/{}/add_lines answered",
        "stripe POST /v1/invoices/{}/finalize committing",
        "SIGTERM",
    ]
    assert dict(Life(Random(11), zygote, tally).run(points)) == {}
    assert tally.wrong == {}
    assert tally.killed == 3
    assert tally.invoices >= 4


def test_every_point_is_tried_before_one_comes_again() -> None:
    points = order(Random(1), 200)
    assert set(POINTS) <= set(points[: len(POINTS) + 12 + 16])
    assert len(points) == 216

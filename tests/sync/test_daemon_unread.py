"""What the daemon says of a part of the world that is down, and when it goes on or ends."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from structlog.testing import capture_logs

from connectors.failures import Misconfigured, NotNow
from connectors.sandbox.service import Handle
from state.pushes import PushState
from sync.daemon import Daemon, Job, jobs_of
from tests.sync.test_unread import QUIET, World


@pytest.fixture
def world(sandbox: Handle) -> Iterator[World]:
    made = World(sandbox)
    yield made
    made.parts.store.close()  # type: ignore[attr-defined]  # the port has no close


@pytest.fixture
def daemon(world: World) -> Daemon:
    made = Daemon(world.parts, QUIET)
    made.take_lease()
    return made


def turn(daemon: Daemon, name: str, jobs: Sequence[Job]) -> list[str]:
    """One turn, and the actions that were logged as warnings."""
    (job,) = [one for one in jobs if one.name == name]
    with capture_logs() as lines:
        daemon.run(job)
    daemon.parts.clock.sleep(60)
    return [line["action"] for line in lines if line["log_level"] == "warning"]


def test_the_daemon_goes_on_beside_an_erp_and_says_it_once(
    world: World, daemon: Daemon
) -> None:
    jobs = jobs_of(world.parts.settings.schedule)
    world.erp.failure = Misconfigured("the password has expired")
    world.bill(2)
    assert turn(daemon, "sweep", jobs) == ["register.unread"]
    assert len(world.parts.store.pushes([PushState.DONE])) == 2
    assert turn(daemon, "poll", jobs) == []
    assert turn(daemon, "observe", jobs) == []
    assert turn(daemon, "reconcile", jobs) == ["reconcile.failed"]
    assert turn(daemon, "poll", jobs) == [], "what is owed fails as before, and is not said"
    world.erp.failure = None
    world.parts.clock.sleep(600)
    assert turn(daemon, "sweep", jobs) == ["register.recovered", "reconcile.recovered"]
    assert (daemon.owed, daemon.ended) == ([], [])


Harm = Callable[[World], None]


def _core_down(world: World) -> None:
    world.core.failure = NotNow("the core does not answer")


def _stripe_wrong(world: World) -> None:
    world.stripe.failure = Misconfigured("Stripe: check stripe.api_key")


@pytest.mark.parametrize(
    ("harm", "ends"), [(_core_down, False), (_stripe_wrong, True)], ids=["down", "wrong"]
)
def test_the_daemon_waits_for_its_ground_and_ends_where_a_key_is_wrong(
    world: World, daemon: Daemon, harm: Harm, *, ends: bool
) -> None:
    jobs = jobs_of(world.parts.settings.schedule)
    harm(world)
    said = turn(daemon, "sweep", jobs)
    assert said == ([] if ends else ["sweep.failed"])
    assert [type(one) for one in daemon.ended] == ([Misconfigured] if ends else [])
    assert world.parts.stopping() is ends

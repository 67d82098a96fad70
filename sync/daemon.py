"""The daemon: a clockwork around the walk. The only place that knows APScheduler.

One thing at a time: every job takes the same lock, so a poll and a sweep never overlap. The
lease is held from start to stop and renewed by a heartbeat; a second daemon is refused.
"""

from collections.abc import Callable
from dataclasses import replace
from threading import Event, Lock

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from connectors.failures import ConnectorFailure, Misconfigured
from state.store import LeaseLost
from sync.cycle import LEASE_SECONDS, LeaseHeld, one_pass
from sync.parts import Parts
from sync.progress import Progress
from sync.reconcile import reconcile

MISFIRE_SECONDS = 3600


def serve(parts: Parts, stop: Event, progress: Progress) -> None:
    """Work until `stop` is set; then end the step in hand and give the lease back.

    Raises LeaseHeld at once when another holds it, Misconfigured and LeaseLost when they
    make going on senseless.
    """
    store, clock = parts.store, parts.clock
    token = store.take_lease(parts.holder, now=clock.now(), seconds=LEASE_SECONDS)
    if token is None:
        raise LeaseHeld(LeaseHeld.__doc__)
    acting = replace(parts, token=token, stopping=stop.is_set)
    ended: list[Exception] = []
    scheduler = _scheduler(acting, stop, ended, progress)
    scheduler.start()
    try:
        while not stop.wait(LEASE_SECONDS / 4):
            store.renew_lease(token, now=clock.now(), seconds=LEASE_SECONDS)
    except LeaseLost as lost:
        ended.append(lost)
    finally:
        stop.set()
        scheduler.shutdown(wait=True)
        store.release_lease(token)
    if ended:
        raise ended[0]


def _scheduler(
    parts: Parts, stop: Event, ended: list[Exception], progress: Progress
) -> BackgroundScheduler:
    schedule = parts.settings.schedule
    turn = Lock()

    def job(name: str, work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            if stop.is_set():
                return
            with turn:
                try:
                    work()
                except (Misconfigured, LeaseLost) as senseless:
                    ended.append(senseless)
                    stop.set()
                except ConnectorFailure as failure:
                    progress.note(f"{name}: {failure}; it is tried again at its next turn")

        return run

    scheduler = BackgroundScheduler(
        jobstores={"default": MemoryJobStore()},
        executors={"default": ThreadPoolExecutor(2)},
        timezone=schedule.timezone,
    )
    hour, minute = schedule.reconcile_at.split(":")
    jobs = (
        ("sweep", lambda: one_pass(parts, progress=progress), schedule.sweep_every),
        (
            "poll",
            lambda: one_pass(parts, progress=progress, sweep=False),
            schedule.poll_every,
        ),
    )
    for name, work, every in jobs:
        scheduler.add_job(
            job(name, work),
            IntervalTrigger(seconds=every),
            id=name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=MISFIRE_SECONDS,
            next_run_time=parts.clock.now(),
        )
    scheduler.add_job(
        job("reconcile", lambda: reconcile(parts, progress=progress, read_first=False)),
        CronTrigger(hour=int(hour), minute=int(minute), timezone=schedule.timezone),
        id="reconcile",
        max_instances=1,
        coalesce=True,
        misfire_grace_time=MISFIRE_SECONDS,
    )
    return scheduler

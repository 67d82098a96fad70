"""The daemon: a clockwork around the walk. The only place that knows APScheduler.

One thing at a time: every job waits for the same turn, so that a poll and a sweep never
overlap. The lease is held from start to stop and renewed by a heartbeat; a second daemon
is refused. Jobs are plain functions: each may be stopped anywhere and run again.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from threading import Event, Lock
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from connectors.failures import ConnectorFailure, Incomplete, Misconfigured
from connectors.structured import structlog
from state.clock import Stopped
from state.engine import StoreUnusable
from state.store import LeaseLost
from sync.cycle import LEASE_SECONDS, LeaseHeld, PassResult, look, one_pass
from sync.parts import Parts
from sync.progress import Progress
from sync.reconcile import reconcile
from sync.settings import ConfigError, Schedule
from sync.unread import GROUND, texts

HEARTBEAT_SECONDS = LEASE_SECONDS / 4
MISFIRE_SECONDS = 86_400  # a machine that slept a night does its work once, late
BACKOFF_FIRST_SECONDS = 5.0
BACKOFF_MAX_SECONDS = 600.0
_SENSELESS = (Misconfigured, ConfigError)  # no later turn can go better
_PASSING = (ConnectorFailure, StoreUnusable)  # the world's trouble: a later turn may

Work = Callable[[Parts, Progress], object]


# --- the jobs: plain, idempotent ------------------------------------------------------
def poll(parts: Parts, progress: Progress) -> PassResult:
    """Follow hints, push what is new."""
    return one_pass(parts, progress=progress, sweep=False)


def sweep(parts: Parts, progress: Progress) -> PassResult:
    """Read everything whole, push what is open."""
    return one_pass(parts, progress=progress, sweep=True)


def watch(parts: Parts, progress: Progress) -> PassResult:
    """See what moved in Stripe and the ERPs."""
    return look(parts, progress=progress)


def compare(parts: Parts, progress: Progress) -> object:
    """Keep a reconciliation run of what has been read."""
    return reconcile(parts, progress=progress, read_first=False).outcome


@dataclass(slots=True)
class Job:
    """One kind of work, when it is due, and how it has fared. Times in seconds."""

    name: str
    work: Work
    trigger: Any  # APScheduler's
    failures: int = 0  # in a row
    not_before: float = 0.0  # monotonic
    said: str = ""  # the trouble last logged
    halted: str = ""  # why it pushed nothing, as last logged
    daily: bool = False  # where it fails, it is tried after the next job that went well


def jobs_of(schedule: Schedule) -> tuple[Job, ...]:
    """The four jobs of the configuration."""
    zone = schedule.timezone
    hour, minute = schedule.reconcile_at.split(":")
    return (
        Job("sweep", sweep, IntervalTrigger(seconds=schedule.sweep_every, timezone=zone)),
        Job("poll", poll, IntervalTrigger(seconds=schedule.poll_every, timezone=zone)),
        Job(
            "observe", watch, IntervalTrigger(seconds=schedule.observe_every, timezone=zone)
        ),
        Job(
            "reconcile",
            compare,
            CronTrigger(hour=hour, minute=minute, timezone=zone),
            daily=True,
        ),
    )


# --- the daemon ---------------------------------------------------------------------------
@dataclass(slots=True)
class Daemon:
    """What the jobs and the heartbeat share.

    `acting` is None while the lease is in doubt; then no job begins.
    """

    parts: Parts
    progress: Progress
    acting: Parts | None = None
    unread: dict[str, str] = field(default_factory=dict)  # ERPs that were said to be so
    owed: list[Job] = field(default_factory=list)  # they failed, and are due again tomorrow
    turn: Lock = field(default_factory=Lock)
    ended: list[Exception] = field(default_factory=list)
    log: Any = field(default_factory=lambda: structlog.get_logger("tieout.daemon"))

    def take_lease(self) -> int:
        """Take the lease. Raises LeaseHeld where another has it."""
        token = self.parts.store.take_lease(
            self.parts.holder, now=self.parts.clock.now(), seconds=LEASE_SECONDS
        )
        if token is None:
            raise LeaseHeld(
                "another Tieout holds the lease on these books; stop it, or wait "
                f"{LEASE_SECONDS} seconds after it has died"
            )
        self.acting = replace(self.parts, token=token)
        return token

    def run(self, job: Job) -> None:
        """One turn of one job, and of what is owed. Nothing leaves but through `ended`."""
        self._turn(job)
        if not job.failures:
            for one in [one for one in self.owed if one is not job]:
                self._turn(one)

    def _turn(self, job: Job) -> None:
        with self.turn:
            acting = self.acting
            if self.parts.stopping() or acting is None:
                return
            if acting.clock.monotonic() < job.not_before:
                return
            try:
                result = job.work(acting, _Stoppable(self.progress, self.parts.stop))
                if isinstance(result, PassResult):
                    self._say(job, result)
                self._went_well(job, result)
            except Stopped:
                self.log.info("left for the next start", action=f"{job.name}.left")
            except LeaseLost as lost:
                self.acting = None  # the heartbeat takes it again, or ends the daemon
                self.log.warning(str(lost), action="lease.lost")
            except _SENSELESS as senseless:
                self._end(senseless)
            except _PASSING as failure:
                self._failed(job, failure)
            except Exception as unforeseen:  # noqa: BLE001 - raised again by `serve`
                self._end(unforeseen)

    def _end(self, error: Exception) -> None:
        self.ended.append(error)
        self.parts.stop.set()

    def _failed(self, job: Job, failure: Exception) -> None:
        """Say a trouble once, and give it longer and longer to pass."""
        job.failures += 1
        if job.daily and job not in self.owed:
            self.owed.append(job)
        wait = min(BACKOFF_FIRST_SECONDS * 2 ** (job.failures - 1), BACKOFF_MAX_SECONDS)
        job.not_before = self.parts.clock.monotonic() + wait
        if str(failure) != job.said:
            job.said = str(failure)
            self.log.warning(
                str(failure), action=f"{job.name}.failed", again_in_seconds=round(wait)
            )

    def _say(self, job: Job, done: PassResult) -> None:
        """Say what a pass left undone. Raises what keeps pushes back, as the job's failure."""
        if done.halted and done.halted != job.halted:
            self.log.warning(done.halted, action="push.halted")
        job.halted = done.halted
        told = {**self.parts.store.unread(), **{one.source: one for one in done.unread}}
        erps = {one.target for one in self.parts.registers} - GROUND
        unread = {name: one.text for name, one in told.items() if name in erps}
        for name, text in unread.items():
            if text != self.unread.get(name):
                self.log.warning(text, action="register.unread", register=name)
        for name in self.unread.keys() - unread:
            self.log.warning("it is read again", action="register.recovered", register=name)
        self.unread = unread
        if missed := [one for one in done.unread if one.source in GROUND]:
            hopeless = any(one.hopeless for one in missed)
            raise (Misconfigured if hopeless else Incomplete)(texts(missed))

    def _went_well(self, job: Job, result: object) -> None:
        if job.failures:
            self.log.warning(
                "it goes again", action=f"{job.name}.recovered", after_failures=job.failures
            )
        self.owed = [one for one in self.owed if one is not job]
        job.failures, job.not_before, job.said = 0, 0.0, ""
        self.log.info("ended", action=f"{job.name}.ended", result=str(result))


def serve(
    parts: Parts,
    progress: Progress,
    *,
    jobs: tuple[Job, ...] | None = None,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
) -> None:
    """Work until `parts.stop` is set; then leave the work in hand and give the lease back.

    Nothing that waits is waited for: a call that is out gets its answer, and the answer is
    committed.

    Raises LeaseHeld where another holds the lease, Misconfigured and ConfigError where no
    later turn can go better, and whatever nobody foresaw.
    """
    daemon = Daemon(parts, progress)
    token = daemon.take_lease()
    scheduler = _scheduler(daemon, jobs or jobs_of(parts.settings.schedule))
    try:
        scheduler.start()
        daemon.log.info("at work", action="daemon.started", entity=parts.settings.entity)
        while not parts.stop.wait(heartbeat_seconds):
            token = _beat(daemon, token)
        while not daemon.turn.acquire(timeout=heartbeat_seconds):
            token = _beat(daemon, token)  # the step in hand still needs the lease
        daemon.turn.release()
    finally:
        parts.stop.set()
        scheduler.shutdown(wait=True)
        _give_back(daemon, token)
    if daemon.ended:
        raise daemon.ended[0]
    daemon.log.info("stopped", action="daemon.stopped")


def _beat(daemon: Daemon, token: int) -> int:
    """Hold the lease longer; take it again where it was lost and is free. The token now.

    A process that was suspended past its lease comes back here: if another took over, the
    fence has kept it from committing anything, and it ends.
    """
    parts = daemon.parts
    try:
        if daemon.acting is None:
            raise LeaseLost
        parts.store.renew_lease(token, now=parts.clock.now(), seconds=LEASE_SECONDS)
    except LeaseLost:
        daemon.acting = None
        token = daemon.take_lease()
        daemon.log.warning("the lease was lost and is taken again", action="lease.retaken")
    except StoreUnusable as failure:
        # Nothing can be committed now, so nothing is begun; the fence holds meanwhile.
        daemon.log.warning(str(failure), action="lease.not_renewed")
    return token


def _give_back(daemon: Daemon, token: int) -> None:
    try:
        daemon.parts.store.release_lease(token)
    except StoreUnusable as failure:
        daemon.log.warning(
            "the lease is not given back and ends by itself",
            action="lease.not_released",
            failure=failure,
        )


def _scheduler(daemon: Daemon, jobs: tuple[Job, ...]) -> BackgroundScheduler:
    zone = daemon.parts.settings.schedule.timezone
    scheduler = BackgroundScheduler(
        jobstores={"default": MemoryJobStore()},  # nothing is pickled, nothing is shared
        executors={"default": ThreadPoolExecutor(len(jobs))},
        timezone=zone,
    )
    for job in jobs:
        scheduler.add_job(
            partial(daemon.run, job),
            job.trigger,
            id=job.name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=MISFIRE_SECONDS,
            **({"next_run_time": _soon(daemon)} if job is jobs[0] else {}),
        )
    return scheduler


def _soon(daemon: Daemon) -> datetime:
    """The first job begins at once: a start is also a catching up."""
    return daemon.parts.clock.now() - timedelta(seconds=1)


class _Stoppable:
    """Progress that leaves the work where it stands once the daemon is to stop."""

    def __init__(self, inner: Progress, stop: Event) -> None:
        self._inner = inner
        self._stop = stop

    def step(self, name: str, total: int | None) -> None:
        """Begin a step, or leave."""
        self._leave_if_stopped()
        self._inner.step(name, total)

    def advance(self, count: int = 1) -> None:
        """Go on, or leave."""
        self._leave_if_stopped()
        self._inner.advance(count)

    def note(self, text: str) -> None:
        """Say it, whatever comes."""
        self._inner.note(text)

    def _leave_if_stopped(self) -> None:
        if self._stop.is_set():
            raise Stopped


# --- signals ----------------------------------------------------------------------------
def run_until_signalled(parts: Parts, progress: Progress) -> None:
    """Serve until SIGTERM or SIGINT; a second one ends the process at once."""
    with _stopping(parts.stop):
        serve(parts, progress)


@contextmanager
def _stopping(stop: Event) -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT)

    def once(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, once) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Instants of the core: RFC 3339 at the face, whole microseconds in the books."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since 1970, exact; the books sort and compare by it."""
    return (moment - EPOCH) // _MICRO


def moment(micros: int) -> datetime:
    """The instant of `micros`."""
    return EPOCH + timedelta(microseconds=micros)

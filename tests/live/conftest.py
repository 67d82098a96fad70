"""Tests against real ERPs: only where $TIEOUT_LIVE names the folder they live in."""

import os
from collections.abc import Iterator

import pytest

from tests.live.servers import Server, odoo_server, tryton_server

# `make test` needs no outside program; `make live` sets the folder.
collect_ignore_glob = [] if os.environ.get("TIEOUT_LIVE") else ["test_*.py"]


@pytest.fixture(scope="session")
def odoo() -> Iterator[Server]:
    """A real Odoo for the session."""
    with odoo_server() as server:
        yield server


@pytest.fixture(scope="session")
def tryton() -> Iterator[Server]:
    """A real Tryton for the session."""
    with tryton_server() as server:
        yield server

"""Logs on standard error: lines for a person at a terminal, JSON for a machine.

TIEOUT_LOG names the least level that is written: debug, info, warning (default), error.
"""

import logging
import os
import sys

import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}


def configure() -> None:
    """Set up structlog once, before anything logs. Standard output stays the answer's."""
    level = LEVELS.get(os.environ.get("TIEOUT_LOG", "warning").lower(), logging.ERROR)
    person = sys.stderr.isatty()
    last = (
        structlog.dev.ConsoleRenderer() if person else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )

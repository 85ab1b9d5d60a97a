"""Logs as JSON lines on standard error: timestamp, level, event, context."""

import logging
import sys

import structlog

from telltale.serve.http.request_log import add_request


def configure_logs(*, level: str = "info") -> None:
    """Send structlog to standard error as JSON lines. Called once per process, at its start."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            add_request,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # As plain text: the pretty one prints local variables, bodies and keys included.
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        # Whatever standard error is when a line is written: a test or a daemon may have put another file there.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )

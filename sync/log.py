"""Structured logs on stdout: one event per line, for a person (console) or a machine (json).

Lines of every library pass the same processors, so what must not be seen is redacted whoever logs it: values under
keys named like a secret, and anything that looks like a Plaid token wherever it stands. Configured once by each door
after the settings are read; a module asks `log.get(__name__)` and logs events named as words joined by underscores.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog

REDACTED = "[redacted]"
_SECRET_KEY = re.compile(
    r"token|secret|authorization|password|passwd|cookie|api_?key|private_?key|data_?key|ciphertext|plaintext|wrapped",
    re.I,
)
_SECRET_VALUE = re.compile(
    r"(?:access|public|link)-(?:sandbox|production|development)-[0-9A-Za-z-]+"
    r"|eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]*"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|(?i:(?<=\bbearer ))[0-9A-Za-z._~+/=-]+"
    r"|(?<![0-9A-Za-z+/_-])[0-9A-Za-z+/_-]{43}=(?![0-9A-Za-z+/=])"  # base64 of 32 bytes: a key, or as long as one
    r"|\bAQ[EI][0-9A-Za-z+/]{60,}=*"  # a key that AWS KMS has wrapped
)
# Their debug lines quote whole answers: of Plaid, and of a key service that has just handed out a key.
_NO_DEBUG = ("botocore", "boto3", "plaid")
_DEPTH = 6


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; cheap, and safe to ask for at import because it is configured at first use."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def without_secrets(text: str) -> str:
    """The text with everything that looks like a secret replaced."""
    return _SECRET_VALUE.sub(REDACTED, text)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The processor: hides values by key and by shape, also inside mappings, lists and texts."""
    for key in list(event):
        event[key] = _hidden(key, event[key], _DEPTH)
    return event


def _hidden(key: object, value: object, depth: int) -> object:
    if isinstance(key, str) and _SECRET_KEY.search(key) and not isinstance(value, (bool, int, type(None))):
        return REDACTED
    if isinstance(value, (str, BaseException)):
        return without_secrets(value if isinstance(value, str) else repr(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    return _hidden_inside(value, depth)


def _hidden_inside(value: object, depth: int) -> object:
    if not isinstance(value, (Mapping, list, tuple, set, frozenset)):
        return value
    if depth == 0:
        return REDACTED
    if isinstance(value, Mapping):
        return {name: _hidden(name, inner, depth - 1) for name, inner in value.items()}
    return [_hidden(None, inner, depth - 1) for inner in value]


def configure(level: str = "INFO", style: str = "console", stream: TextIO | None = None) -> None:
    """Sends every log line to stdout, or to `stream`, redacted; calling it again replaces the former configuration."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_last(style)))
    root = logging.getLogger()
    for old in list(root.handlers):
        if getattr(old, "_livespend", False):
            root.removeHandler(old)
    handler._livespend = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _NO_DEBUG:
        logging.getLogger(name).setLevel(max(root.level, logging.INFO))


def _last(style: str) -> list[structlog.typing.Processor]:
    drop = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if style == "json":
        return [drop, redact, structlog.processors.JSONRenderer(default=str)]
    return [drop, redact, structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())]

"""The worker's door: Celery, configured for tasks that may run twice and must not get lost.

A task carries an item's id and nothing else. It is acknowledged after it ran, and handed to another process when the
one that had it dies; there is no result backend, because what a task did is in the ledger. The broker holds no truth:
whatever it loses, the sweep of the schedule finds again. Nothing happens on import: settings are read when Celery
first asks for its configuration, dependencies are built in each worker process after the fork.

Run: `celery -A workers.app worker --beat` on one machine, or worker and `celery -A workers.app beat` apart.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from billiard import current_process  # type: ignore[import-untyped]
from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_process_shutdown

from sync import log, metrics, tracing
from sync.deps import Deps, build_deps
from sync.settings import NEEDS, Settings, read_settings
from workers.interpreter import tune

_SOFT_SECONDS, _HARD_SECONDS = 1500, 1800
_REDELIVER_SECONDS = 3600  # more than the hard limit, or a slow task would run twice
_HOUR = 3600.0
_TEN_MINUTES = 600.0
_MINUTE = 60.0


@cache
def settings() -> Settings:
    """The worker's settings; raises InvalidSettings naming all that is missing."""
    return read_settings(os.environ, needs=NEEDS["worker"])


@cache
def deps() -> Deps:
    """This process's dependencies, built at first use: in a worker, after the fork."""
    return build_deps(settings(), door="worker", ring=ring)


def ring(task: str, arguments: dict[str, str]) -> None:
    """Starts a task by name; a broker that does not answer costs seconds, and the sweep rings again."""
    app.send_task(task, kwargs=arguments, expires=_HOUR, retry=False)


def _configuration() -> dict[str, Any]:
    sweep_seconds = settings().sweep_seconds
    return {
        "broker_url": settings().redis_url,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,  # a broker out of memory or disk refuses: connect again, do not end
        "broker_transport_options": {
            "visibility_timeout": _REDELIVER_SECONDS,
            "socket_connect_timeout": 3,
            "socket_keepalive": True,
            "max_retries": 0,  # a ring must not wait for a dead broker; the consumer has its own patience
        },
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_publish_retry": False,
        "task_soft_time_limit": _SOFT_SECONDS,
        "task_time_limit": _HARD_SECONDS,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "enable_utc": True,
        "timezone": "UTC",
        "beat_schedule": {
            "sweep": {"task": "sweep", "schedule": sweep_seconds, "options": {"expires": 2 * sweep_seconds}},
            "move_window": {"task": "move_window", "schedule": _MINUTE, "options": {"expires": _MINUTE}},
            "expire_pendings": {"task": "expire_pendings", "schedule": _HOUR, "options": {"expires": _HOUR}},
            "check_balances": {"task": "check_balances", "schedule": _HOUR, "options": {"expires": _HOUR}},
            "read_recurring": {"task": "read_recurring", "schedule": _MINUTE, "options": {"expires": _MINUTE}},
            "forget_keys": {"task": "forget_keys", "schedule": _HOUR, "options": {"expires": _HOUR}},
            "forget_intents": {"task": "forget_intents", "schedule": _HOUR, "options": {"expires": _HOUR}},
            "forget_webhooks": {"task": "forget_webhooks", "schedule": _HOUR, "options": {"expires": _HOUR}},
            "forget_pages": {"task": "forget_pages", "schedule": _TEN_MINUTES, "options": {"expires": _TEN_MINUTES}},
            "forget_traces": {"task": "forget_traces", "schedule": _MINUTE, "options": {"expires": _MINUTE}},
            "forget_links": {"task": "forget_links", "schedule": _HOUR, "options": {"expires": _HOUR}},
            "forget_costs": {"task": "forget_costs", "schedule": _HOUR, "options": {"expires": _HOUR}},
        },
    }


def _log_like_every_door(**_: Any) -> None:
    log.configure(settings().log_level, settings().log_format)


def _build_before_the_first_task(**_: Any) -> None:
    deps()
    tracing.configure(settings(), "worker")
    port = settings().metrics_port
    metrics.serve(port + current_process().index if port else 0)
    tune()


def _close(**_: Any) -> None:
    tracing.shut_down()
    if deps.cache_info().currsize:
        deps().engine.dispose()


app = Celery("livespend", include=["workers.tasks"])
app.add_defaults(_configuration)
setup_logging.connect(_log_like_every_door)
worker_process_init.connect(_build_before_the_first_task)
worker_process_shutdown.connect(_close)

"""The doorbell of this door: tells a worker by name that work exists, and never fails a request over it.

Redis holds no truth. A bell that is lost (Redis down, slow or wiped) is found by the sweep, so a failure is one log
line; for some seconds after it nothing is even tried, and no request waits for a dead broker again and again.
Connects at the first ring, not before. Threads may share it.
"""

from __future__ import annotations

import time

from celery import Celery

from sync import log as logs

CONNECT_SECONDS = 0.5
QUIET_SECONDS = 5.0
EXPIRES_SECONDS = 3600.0  # by then the sweep has rung many times
log = logs.get("api")


class Doorbell:
    """Rings Celery tasks on one broker."""

    def __init__(self, redis_url: str) -> None:
        patience = {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": CONNECT_SECONDS}
        self._celery = Celery("livespend", broker=redis_url, set_as_current=False)
        self._celery.conf.update(
            broker_transport_options={**patience, "max_retries": 0, "retry_on_timeout": False},
            broker_connection_timeout=CONNECT_SECONDS,
            task_ignore_result=True,
        )
        self._quiet_until = 0.0

    def ring(self, task: str, arguments: dict[str, str]) -> None:
        """Sends the task; never raises. Ringing twice is safe, for every task finds nothing to do the second time."""
        if time.monotonic() < self._quiet_until:
            return
        try:
            self._celery.send_task(task, kwargs=arguments, retry=False, expires=EXPIRES_SECONDS)
        except Exception as error:  # the doorbell is best effort by design: whatever it was, the sweep finds the work
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            log.warning("doorbell_lost", task=task, error=type(error).__name__)

    def close(self) -> None:
        """Lets go of the connections. Closing twice is safe."""
        self._celery.close()

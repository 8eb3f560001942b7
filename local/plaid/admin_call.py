"""One call of the admin API: what its body may hold, and what answers. The parts of the table share this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.plaid.fields import Shape, flag, optional, text
from local.plaid.world import World

Handler = Callable[[World, dict[str, Any]], dict[str, Any]]
word = text(least=1)
WHERE: Shape = {"item_id": optional(word), "user": optional(word)}
NOTIFY: Shape = {"notify": optional(flag)}


@dataclass(frozen=True)
class Admin:
    """A shape as strict as Plaid's, and the handler; each call is one transaction of the store."""

    shape: Shape
    handler: Handler


Table = dict[tuple[str, str], Admin]

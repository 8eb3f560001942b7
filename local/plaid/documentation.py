"""Prints docs/local-plaid.md from the code: `python -m local.plaid.documentation > docs/local-plaid.md`."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path

from local.plaid.admin import ADMIN
from local.plaid.categories import NO_MATCH, RULES
from local.plaid.endpoints import SERVED
from local.plaid.faults import CALL_FAULTS, WEBHOOK_FAULTS
from local.plaid.fields import Shape, not_emulated
from local.plaid.knobs import TABLE, Knobs
from local.plaid.limits import PUBLISHED
from local.plaid.oddities import ODDITIES

_TEMPLATE = Path(__file__).parent / "documentation.md"


def render() -> str:
    """The whole page."""
    text = _TEMPLATE.read_text("utf-8")
    for name, lines in (
        ("ENDPOINTS", _endpoints()),
        ("ADMIN", _admin()),
        ("FAULTS", [", ".join(f"`{name}`" for name in (*CALL_FAULTS, *WEBHOOK_FAULTS))]),
        ("KNOBS", _knobs()),
        ("ODDITIES", [", ".join(f"`{name}`" for name in ODDITIES)]),
        ("LIMITS", _limits()),
        ("KEYWORDS", _keywords()),
    ):
        text = text.replace(f"<!-- {name} -->", "\n".join(lines))
    return text


def _endpoints() -> list[str]:
    lines = ["| endpoint | refused by name when given |", "| --- | --- |"]
    return lines + [f"| `{path}` | {_refused(endpoint.shape)} |" for path, endpoint in SERVED.items()]


def _refused(shape: Shape) -> str:
    return ", ".join(f"`{name}`" for name, field in shape.items() if field.check is not_emulated) or "none"


def _admin() -> list[str]:
    lines = ["| call | fields (* required) | what it does |", "| --- | --- | --- |"]
    for (method, path), found in ADMIN.items():
        fields = ", ".join(f"`{name}`{'*' if field.required else ''}" for name, field in found.shape.items())
        lines.append(f"| `{method} {path}` | {fields or 'none'} | {_sentence(found.handler.__doc__)} |")
    return lines


def _sentence(text: str | None) -> str:
    return " ".join(inspect.cleandoc(text or "").split())


def _knobs() -> list[str]:
    lines, defaults = ["| knob | default | what it does |", "| --- | --- | --- |"], Knobs()
    return lines + [
        f"| `{name}` | `{json.dumps(getattr(defaults, name))}` | {about} |" for name, (_, about) in TABLE.items()
    ]


def _limits() -> list[str]:
    lines = ["| endpoint | production: item / client | sandbox: item / client |", "| --- | --- | --- |"]
    for path in PUBLISHED["sandbox"]:
        shown = [
            " / ".join("-" if most is None else str(most) for most in PUBLISHED[name].get(path, (None, None)))
            for name in ("production", "sandbox")
        ]
        lines.append(f"| `{path}` | {shown[0]} | {shown[1]} |")
    return lines


def _keywords() -> list[str]:
    lines = ["| # | category (detailed) | phrases |", "| --- | --- | --- |"]
    for number, (detailed, phrases) in enumerate(RULES, start=1):
        lines.append(f"| {number} | `{detailed}` | {', '.join(phrases)} |")
    return [*lines, f"| {len(RULES) + 1} | `{NO_MATCH}` | anything else |"]


if __name__ == "__main__":
    sys.stdout.write(render())

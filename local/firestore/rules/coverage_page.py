"""The coverage of a rules file as a page: the text, what each piece answered, and which allow was decided how."""

from __future__ import annotations

from collections import Counter
from html import escape

from . import nodes
from .coverage import Coverage, allows, everything

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Rules coverage</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }}
pre {{ font: 14px/1.6 ui-monospace, monospace; overflow-x: auto; }}
table {{ border-collapse: collapse; }} td, th {{ border: 1px solid #ccc; padding: .2rem .6rem; text-align: left; }}
.seen {{ background: #dff3df; }} .never {{ background: #fbe0e0; }} .failed {{ background: #fdf0cf; }}
pre span:hover {{ outline: 1px solid #333; }}
</style>
<h1>Rules coverage</h1>
<p>{reached} of {all} expressions were asked; {granting} of {allows} allows have granted something.
<span class="seen">asked</span> <span class="failed">without a value at least once</span>
<span class="never">never asked</span>. Point at an expression to see its values.</p>
<table><tr><th>allow</th><th>methods</th><th>granted</th><th>refused</th><th>error</th></tr>{table}</table>
<pre>{source}</pre></html>
"""


def page(text: str, file: nodes.File, coverage: Coverage) -> str:
    """A self-contained page."""
    inside = [node for outer in everything(file) for node in nodes.walk(outer)]
    rules = list(allows(file))
    return _PAGE.format(
        reached=sum(bool(coverage.values(node.at)) for node in inside),
        all=len(inside),
        granting=sum(_verdicts(coverage, allow)["granted"] > 0 for allow in rules),
        allows=len(rules),
        table="".join(_row(coverage, allow) for allow in rules),
        source=_source(text, inside, coverage),
    )


def _verdicts(coverage: Coverage, allow: nodes.Allow) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, verdict), count in coverage.allows.get(allow.at, Counter()).items():
        found[verdict] += count
    return found


def _row(coverage: Coverage, allow: nodes.Allow) -> str:
    counts = coverage.allows.get(allow.at, Counter())
    cells = [
        ", ".join(f"{method} {count}" for (method, found), count in sorted(counts.items()) if found == verdict)
        or "none"
        for verdict in ("granted", "refused", "error")
    ]
    told = "".join(f"<td>{cell}</td>" for cell in cells)
    return f"<tr><td>{allow.at}</td><td>{', '.join(allow.methods)}</td>{told}</tr>"


def _source(text: str, inside: list[nodes.Expr], coverage: Coverage) -> str:
    """The text with a span around each expression; expressions nest, so do the spans."""
    opening: dict[int, list[nodes.Expr]] = {}
    closing: Counter[int] = Counter()
    for node in sorted(inside, key=lambda node: -node.at.end):
        opening.setdefault(node.at.start, []).append(node)
        closing[node.at.end] += 1
    parts = []
    for position, character in enumerate(text + "\0"):
        parts.append("</span>" * closing[position])
        parts += [_open(node, coverage) for node in opening.get(position, ())]
        parts.append(escape(character) if character != "\0" else "")
    return "".join(parts)


def _open(node: nodes.Expr, coverage: Coverage) -> str:
    values = coverage.values(node.at)
    kind = "never" if not values else "failed" if any(kind == "error" for kind, _ in values) else "seen"
    told = "\n".join(
        f"{'error: ' if k == 'error' else ''}{_text(k, v)} (times {count})" for (k, v), count in values.items()
    )
    return f'<span class="{kind}" title="{escape(told or "never asked", quote=True)}">'


def _text(kind: str, value: object) -> str:
    if kind == "error":
        return f"error: {value}"
    if kind in ("boolValue", "nullValue"):
        return str(value).lower() if value is not None else "null"
    return kind.removesuffix("Value") if value is None else repr(value)

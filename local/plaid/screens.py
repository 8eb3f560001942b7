"""The pages that browsers get: acting as the bank, the picker of Link and Hosted Link, an OAuth bank's own page."""

from __future__ import annotations

import re
from importlib.resources import files

from aiohttp import web

_HTML, _SCRIPT = "text/html", "text/javascript"
_PAGES = {
    "/": ("bank.html", _HTML),
    "/bank": ("bank.html", _HTML),
    "/bank.js": ("bank.js", _SCRIPT),
    "/link/shim.js": ("shim.js", _SCRIPT),
    "/link/picker": ("picker.html", _HTML),
    "/link/picker.js": ("picker.js", _SCRIPT),
    "/oauth/bank": ("oauth.html", _HTML),
    "/oauth/bank.js": ("oauth.js", _SCRIPT),
    "/page.css": ("page.css", "text/css"),
}
_HOSTED = re.compile(r"/hl/[0-9a-f]{32}")


def screen(path: str) -> web.Response | None:
    """The page or script at a path, if there is one."""
    found = ("picker.html", _HTML) if _HOSTED.fullmatch(path) else _PAGES.get(path)
    if found is None:
        return None
    text = (files("local.plaid") / "pages" / found[0]).read_text("utf-8")
    return web.Response(text=text, content_type=found[1], charset="utf-8", headers={"Cache-Control": "no-store"})

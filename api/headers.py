"""Security headers, written by ourselves: what the page may load, whom it may talk to, who may frame it (nobody).

The policy follows the settings. Locally it names the stand-ins as the browser sees them; in production Google's and
Plaid's hosts, Plaid's own by environment. An answer that set a header itself keeps it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from apiflask import APIFlask
from flask import Response, request

from sync.settings import Settings

PLAID_CDN = "https://cdn.plaid.com"
GOOGLE_APIS = (
    "https://firestore.googleapis.com",
    "https://identitytoolkit.googleapis.com",
    "https://securetoken.googleapis.com",
)
FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
TWO_YEARS = 63_072_000


def register_headers(app: APIFlask, settings: Settings) -> None:
    """Puts the headers on every answer, errors included."""
    headers = FIXED | {"Content-Security-Policy": content_security_policy(settings)}
    if not settings.local:
        headers["Strict-Transport-Security"] = f"max-age={TWO_YEARS}; includeSubDomains"

    def add(answer: Response) -> Response:
        for name, value in headers.items():
            answer.headers.setdefault(name, value)
        if request.path.startswith("/api/"):
            answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    app.after_request(add)


def content_security_policy(settings: Settings) -> str:
    """One policy for page and API: own origin, plus exactly the hosts that these settings need."""
    scripts, connections, frames = hosts(settings)
    directives = {
        "default-src": ["'self'"],
        "script-src": ["'self'", *scripts],
        "style-src": ["'self'", "'unsafe-inline'"],  # Link and the Firebase SDK style their elements inline
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'", *connections],
        "frame-src": frames or ["'none'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


def hosts(settings: Settings) -> tuple[list[str], list[str], list[str]]:
    """Whose scripts the page runs, whom it talks to, whom it frames."""
    if settings.local:
        firestore = f"http://{settings.browser_firestore_host}" if settings.browser_firestore_host else None
        auth, bank = (origin(url) for url in (settings.browser_auth_url, settings.browser_bank_url))
        return given(bank), given(firestore, auth, bank), given(auth, bank)
    sign_in = f"https://{settings.firebase_project_id}.firebaseapp.com"
    plaid = origin(settings.plaid_url)
    return (
        [f"{PLAID_CDN}/link/v2/stable/link-initialize.js", "https://apis.google.com"],
        [*GOOGLE_APIS, *given(plaid)],
        [f"{PLAID_CDN}/", sign_in],
    )


def origin(url: str | None) -> str | None:
    """Scheme and host of an address."""
    if not url:
        return None
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def given(*values: str | None) -> list[str]:
    """The values that are set."""
    return [value for value in values if value]

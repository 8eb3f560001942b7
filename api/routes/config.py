"""The settings of the page, read at run time: one build of the page serves every deployment."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from apiflask import APIBlueprint
from flask import Response, jsonify

from api.answers import Answer
from api.auth import public
from api.current import deps
from sync.settings import Settings

bp = APIBlueprint("config", __name__, tag="Page")


class Firebase(Answer):
    """What the Firebase SDK is initialised with; none of it is secret."""

    api_key: str
    project_id: str
    auth_domain: str


class Config(Answer):
    """Addresses as the browser sees them; the last four are null outside the local mode."""

    firebase: Firebase
    release: str
    firestore_host: str | None
    auth_url: str | None
    bank_url: str | None
    link_shim_url: str | None


@bp.get("/config.json")
@bp.output(Config)
@public
def config() -> Response:
    """The page's settings. Never cached."""
    answer = jsonify(page_config(deps().settings).model_dump(by_alias=True))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def page_config(settings: Settings) -> Config:
    """The page's settings from the process's settings."""
    bank = settings.browser_bank_url
    return Config(
        firebase=Firebase(
            api_key=settings.firebase_api_key,
            project_id=settings.firebase_project_id,
            auth_domain=f"{settings.firebase_project_id}.firebaseapp.com",
        ),
        release=release(),
        firestore_host=settings.browser_firestore_host,
        auth_url=settings.browser_auth_url,
        bank_url=bank,
        link_shim_url=f"{bank}/link/shim.js" if bank else None,
    )


def release() -> str:
    """The version that is installed."""
    try:
        return version("livespend")
    except PackageNotFoundError:
        return "unreleased"

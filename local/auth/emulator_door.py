"""The endpoints that the vendor's emulator has beside the service's own: for tests, and for links in mails."""

from __future__ import annotations

from aiohttp import web

from . import fields, mail
from .directory import Directory
from .errors import AuthRefused, ensure, unserved
from .fields import Body
from .replies import json_body

_NO_POPUP = (
    "Sign-in by popup or redirect loads a page from the internet, which local auth does not have. "
    'Sign in by credential: signInWithCredential(auth, GoogleAuthProvider.credential(\'{"sub": "..."}\')).\n'
)
_ADDRESS_MODES = {"verifyEmail", "recoverEmail", "verifyAndChangeEmail"}


def routes(directory: Directory) -> list[web.RouteDef]:
    """The emulator's own routes over the accounts of `directory`."""
    base = "/emulator/v1/projects/{project}"

    async def clear(request: web.Request) -> web.Response:
        need_project(request, directory)
        directory.clear()
        return web.json_response({})

    async def mailed(request: web.Request) -> web.Response:
        need_project(request, directory)
        return web.json_response({"oobCodes": [one.shown() for one in directory.codes.mailed.values()]})

    async def texted(request: web.Request) -> web.Response:
        need_project(request, directory)
        return web.json_response({"verificationCodes": [one.shown() for one in directory.codes.texted.values()]})

    async def config(request: web.Request) -> web.Response:
        need_project(request, directory)
        if request.method != "GET":
            _configure(directory, await json_body(request))
        return web.json_response(_config(directory))

    async def action(request: web.Request) -> web.StreamResponse:
        return _act(directory, request)

    async def popup(request: web.Request) -> web.Response:
        return web.Response(text=_NO_POPUP, status=501)

    return [
        web.get("/emulator/auth/{page:handler|iframe}", popup),
        web.delete(f"{base}/accounts", clear),
        web.get(f"{base}/oobCodes", mailed),
        web.get(f"{base}/verificationCodes", texted),
        web.get(f"{base}/config", config),
        web.patch(f"{base}/config", config),
        web.get("/emulator/action", action),
    ]


def need_project(request: web.Request, directory: Directory) -> None:
    """Raises AuthRefused for a project that is not served."""
    if request.match_info["project"] != directory.project:
        raise AuthRefused("PROJECT_NOT_FOUND", 404, "NOT_FOUND")


def _config(directory: Directory) -> Body:
    return {
        "signIn": {"allowDuplicateEmails": False},
        "emailPrivacyConfig": {"enableImprovedEmailPrivacy": directory.email_privacy},
    }


def _configure(directory: Directory, body: Body) -> None:
    sign_in, privacy = body.get("signIn") or {}, body.get("emailPrivacyConfig") or {}
    ensure(isinstance(sign_in, dict) and isinstance(privacy, dict), "Invalid JSON payload received.")
    if fields.flag(sign_in, "allowDuplicateEmails"):
        raise unserved("two accounts of one e-mail")
    private = fields.flag(privacy, "enableImprovedEmailPrivacy")
    directory.email_privacy = directory.email_privacy if private is None else private


def _act(directory: Directory, request: web.Request) -> web.StreamResponse:
    """What a click on a mailed link does."""
    query = request.query
    mode, code = query.get("mode", ""), query.get("oobCode", "")
    if mode == "signIn":
        if (onward := query.get("continueUrl")) is None:
            raise AuthRefused("Missing continueUrl query parameter")
        joint = "&" if "?" in onward else "?"
        return _onward(f"{onward}{joint}{request.query_string}")
    if mode == "resetPassword":
        said = mail.reset_password(directory, {"oobCode": code, "newPassword": query.get("newPassword")})
        told, email = "success" if "newPassword" in query else "addNewPasswordToThisAddress", said["email"]
    elif mode in _ADDRESS_MODES:
        told, email = "success", mail.apply(directory, {"oobCode": code}).email
    else:
        raise AuthRefused("Invalid mode")
    if (onward := query.get("continueUrl")) and told == "success":
        return _onward(onward)
    return web.json_response({"authEmulator": {told: True, "email": email}})


def _onward(url: str) -> web.Response:
    return web.Response(status=303, headers={"Location": url})

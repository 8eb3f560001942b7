"""What the browser SDK sends, and what it must get back."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from tests.fixtures.auth import KEY, AuthServer

MAIL, WORD = "ann@example.com", "correct horse"
GOOGLE = {"sub": "g-1", "email": "ann@gmail.com", "email_verified": True, "name": "Ann", "picture": "http://x/a.png"}


def payload(token: str) -> dict[str, Any]:
    header, body, signature = token.split(".")
    assert signature == ""
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"alg": "none", "typ": "JWT"}
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return said


def refresh(auth: AuthServer, token: str) -> requests.Response:
    url = f"http://{auth.address}/securetoken.googleapis.com/v1/token"
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return requests.post(url, params={"key": KEY}, data=form, timeout=10)


def google(auth: AuthServer, claims: dict[str, Any], **more: Any) -> requests.Response:
    post = urlencode({"id_token": json.dumps(claims), "providerId": "google.com"})
    body = {"postBody": post, "requestUri": "http://localhost", "returnSecureToken": True, **more}
    return auth.post("signInWithIdp", body)


def refusal(answer: requests.Response) -> str:
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == 400
    assert error["errors"][0]["message"] == error["message"]
    return str(error["message"])


def test_a_new_account_answers_tokens_for_itself(auth: AuthServer) -> None:
    answer = auth.post("signUp", {"email": MAIL, "password": WORD, "returnSecureToken": True}).json()
    assert answer["email"] == MAIL
    assert answer["expiresIn"] == "3600"
    said = payload(answer["idToken"])
    assert said["sub"] == said["user_id"] == answer["localId"]
    assert said["iss"] == f"https://securetoken.google.com/{auth.project}"
    assert said["aud"] == auth.project
    assert said["email"] == MAIL
    assert said["email_verified"] is False
    assert said["exp"] - said["iat"] == 3600
    assert said["auth_time"] <= said["iat"]
    assert said["firebase"] == {"identities": {"email": [MAIL]}, "sign_in_provider": "password"}


def test_a_password_signs_in_whatever_the_case_of_the_address(auth: AuthServer) -> None:
    uid, _ = auth.sign_up(MAIL, WORD)
    answer = auth.post("signInWithPassword", {"email": MAIL.upper(), "password": WORD}).json()
    assert answer["localId"] == uid
    assert answer["registered"] is True
    assert payload(answer["idToken"])["user_id"] == uid


@pytest.mark.parametrize(
    ("verb", "body", "message"),
    [
        ("signInWithPassword", {"email": "no@example.com", "password": WORD}, "EMAIL_NOT_FOUND"),
        ("signInWithPassword", {"email": MAIL, "password": "wrong"}, "INVALID_PASSWORD"),
        ("signInWithPassword", {"email": MAIL}, "MISSING_PASSWORD"),
        ("signInWithPassword", {"password": WORD}, "MISSING_EMAIL"),
        ("signUp", {"email": MAIL, "password": WORD}, "EMAIL_EXISTS"),
        ("signUp", {"email": "x@example.com", "password": "short"}, "WEAK_PASSWORD : Password should be at least"),
        ("signUp", {"email": "nonsense", "password": WORD}, "INVALID_EMAIL"),
        ("signUp", {"email": "x@example.com"}, "MISSING_PASSWORD"),
        ("lookup", {"idToken": "nonsense"}, "INVALID_ID_TOKEN"),
        ("signInWithCustomToken", {"token": "nonsense"}, "INVALID_CUSTOM_TOKEN"),
        ("signInWithCustomToken", {}, "MISSING_CUSTOM_TOKEN"),
    ],
)
def test_a_refusal_has_the_words_the_sdk_knows(auth: AuthServer, verb: str, body: dict[str, Any], message: str) -> None:
    auth.sign_up(MAIL, WORD)
    assert refusal(auth.post(verb, body)).startswith(message)


def test_lookup_shows_the_account_and_no_hash(auth: AuthServer) -> None:
    uid, token = auth.sign_up(MAIL, WORD)
    (account,) = auth.post("lookup", {"idToken": token}).json()["users"]
    assert account["localId"] == uid
    assert account["emailVerified"] is False
    assert account["providerUserInfo"][0]["providerId"] == "password"
    assert int(account["createdAt"]) <= int(account["lastLoginAt"])
    assert "scrypt" not in json.dumps(account)


def test_a_guest_has_no_address_and_may_become_somebody(auth: AuthServer) -> None:
    guest = auth.post("signUp", {"returnSecureToken": True}).json()
    said = payload(guest["idToken"])
    assert said["firebase"]["sign_in_provider"] == said["provider_id"] == "anonymous"
    assert "email" not in said
    body = {"idToken": guest["idToken"], "email": MAIL, "password": WORD, "returnSecureToken": True}
    somebody = auth.post("signUp", body).json()
    assert somebody["localId"] == guest["localId"]
    assert payload(somebody["idToken"])["firebase"]["sign_in_provider"] == "password"
    assert auth.post("signInWithPassword", {"email": MAIL, "password": WORD}).json()["localId"] == guest["localId"]


def test_a_google_credential_signs_in_the_same_person_twice(auth: AuthServer) -> None:
    first, second = google(auth, GOOGLE).json(), google(auth, GOOGLE).json()
    assert (first["isNewUser"], second["isNewUser"]) == (True, False)
    assert first["localId"] == second["localId"]
    said = payload(second["idToken"])
    assert said["firebase"]["sign_in_provider"] == "google.com"
    assert said["firebase"]["identities"]["google.com"] == ["g-1"]
    assert (said["name"], said["email"], said["email_verified"]) == ("Ann", "ann@gmail.com", True)


def test_an_unproven_google_address_does_not_open_the_account_of_its_owner(auth: AuthServer) -> None:
    auth.sign_up("ann@gmail.com", WORD)
    answer = google(auth, {**GOOGLE, "email_verified": False}).json()
    assert answer["needConfirmation"] is True
    assert "idToken" not in answer


def test_a_credential_of_another_person_cannot_be_linked(auth: AuthServer) -> None:
    google(auth, GOOGLE)
    _, token = auth.sign_up(MAIL, WORD)
    answer = google(auth, GOOGLE, idToken=token)
    assert "FEDERATED_USER_ID_ALREADY_LINKED" in answer.text
    assert auth.post("lookup", {"idToken": token}).json()["users"][0]["email"] == MAIL


def test_a_credential_nobody_can_read_is_refused(auth: AuthServer) -> None:
    body = {"postBody": "id_token=%7Bnonsense&providerId=google.com", "requestUri": "http://localhost"}
    assert refusal(auth.post("signInWithIdp", body)).startswith("INVALID_IDP_RESPONSE")


def test_a_refresh_token_answers_a_new_id_token(auth: AuthServer) -> None:
    first = auth.post("signUp", {"email": MAIL, "password": WORD, "returnSecureToken": True}).json()
    fresh = refresh(auth, first["refreshToken"]).json()
    assert fresh["token_type"] == "Bearer"
    assert fresh["expires_in"] == "3600"
    assert fresh["user_id"] == first["localId"]
    assert fresh["id_token"] == fresh["access_token"]
    said = payload(fresh["id_token"])
    assert said["auth_time"] == payload(first["idToken"])["auth_time"]
    assert said["firebase"]["sign_in_provider"] == "password"


def test_an_unknown_refresh_token_is_refused(auth: AuthServer) -> None:
    assert refusal(refresh(auth, "nonsense")).startswith("INVALID_REFRESH_TOKEN")


def test_a_profile_changes_and_shows_in_the_next_token(auth: AuthServer) -> None:
    _, token = auth.sign_up(MAIL, WORD)
    body = {"idToken": token, "displayName": "Ann B.", "returnSecureToken": True}
    answer = auth.post("update", body).json()
    assert answer["displayName"] == "Ann B."
    assert payload(answer["idToken"])["name"] == "Ann B."
    auth.post("update", {"idToken": token, "deleteAttribute": ["DISPLAY_NAME"]}).raise_for_status()
    assert "displayName" not in auth.post("lookup", {"idToken": token}).json()["users"][0]


def test_a_person_cannot_make_themselves_verified_or_an_admin(auth: AuthServer) -> None:
    _, token = auth.sign_up(MAIL, WORD)
    auth.post("update", {"idToken": token, "emailVerified": True, "customAttributes": '{"admin":true}'})
    (account,) = auth.post("lookup", {"idToken": token}).json()["users"]
    assert account["emailVerified"] is False
    assert "customAttributes" not in account


def test_a_new_password_replaces_the_old_one(auth: AuthServer) -> None:
    _, token = auth.sign_up(MAIL, WORD)
    auth.post("update", {"idToken": token, "password": "battery staple"}).raise_for_status()
    assert refusal(auth.post("signInWithPassword", {"email": MAIL, "password": WORD})) == "INVALID_PASSWORD"
    auth.post("signInWithPassword", {"email": MAIL, "password": "battery staple"}).raise_for_status()


def test_a_deleted_account_is_gone_with_its_sessions(auth: AuthServer) -> None:
    first = auth.post("signUp", {"email": MAIL, "password": WORD, "returnSecureToken": True}).json()
    auth.post("delete", {"idToken": first["idToken"]}).raise_for_status()
    assert refusal(auth.post("lookup", {"idToken": first["idToken"]})) == "USER_NOT_FOUND"
    assert refusal(auth.post("signInWithPassword", {"email": MAIL, "password": WORD})) == "EMAIL_NOT_FOUND"
    assert refresh(auth, first["refreshToken"]).status_code == 400


def test_a_page_of_this_machine_may_call(auth: AuthServer) -> None:
    url = f"http://{auth.address}/identitytoolkit.googleapis.com/v1/accounts:signUp"
    asked = {
        "Origin": "http://localhost:5002",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-client-version,x-firebase-gmpid",
    }
    preflight = requests.options(url, params={"key": KEY}, headers=asked, timeout=10)
    assert preflight.status_code in (200, 204)
    assert preflight.headers["Access-Control-Allow-Origin"] in ("*", "http://localhost:5002")
    assert "x-client-version" in preflight.headers["Access-Control-Allow-Headers"].lower()
    answer = requests.post(url, params={"key": KEY}, json={}, headers={"Origin": "http://localhost:5002"}, timeout=10)
    assert answer.headers["Access-Control-Allow-Origin"] in ("*", "http://localhost:5002")


def test_a_call_without_an_api_key_is_refused(auth: AuthServer) -> None:
    url = f"http://{auth.address}/identitytoolkit.googleapis.com/v1/accounts:signUp"
    assert requests.post(url, json={}, timeout=10).status_code == 403

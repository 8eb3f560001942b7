"""What firebase-admin does with users and tokens."""

from __future__ import annotations

import json

import firebase_admin
import pytest
import requests
from firebase_admin import auth as admin_auth

from tests.conformance.auth.test_browser_door import MAIL, WORD, payload, refresh, refusal
from tests.fixtures.auth import AuthServer


def test_an_id_token_is_verified(auth: AuthServer, admin: firebase_admin.App) -> None:
    uid, token = auth.sign_up(MAIL, WORD)
    said = admin_auth.verify_id_token(token, app=admin, check_revoked=True)
    assert said["uid"] == uid
    assert said["email"] == MAIL


def test_a_token_of_another_project_is_refused(auth: AuthServer, admin: firebase_admin.App) -> None:
    other = firebase_admin.initialize_app(options={"projectId": "demo-other"}, name="other")
    try:
        _, token = auth.sign_up(MAIL, WORD)
        with pytest.raises(admin_auth.InvalidIdTokenError):
            admin_auth.verify_id_token(token, app=other)
    finally:
        firebase_admin.delete_app(other)


def test_a_user_the_admin_made_signs_in(auth: AuthServer, admin: firebase_admin.App) -> None:
    made = admin_auth.create_user(
        uid="u-1", email=MAIL, password=WORD, email_verified=True, display_name="Ann", app=admin
    )
    assert (made.uid, made.email, made.email_verified, made.display_name) == ("u-1", MAIL, True, "Ann")
    answer = auth.post("signInWithPassword", {"email": MAIL, "password": WORD}).json()
    said = payload(answer["idToken"])
    assert (said["user_id"], said["email_verified"], said["name"]) == ("u-1", True, "Ann")


def test_a_user_is_found_by_id_and_by_address(auth: AuthServer, admin: firebase_admin.App) -> None:
    uid, _ = auth.sign_up(MAIL, WORD)
    assert admin_auth.get_user(uid, app=admin).email == MAIL
    assert admin_auth.get_user_by_email(MAIL, app=admin).uid == uid
    found = admin_auth.get_users([admin_auth.UidIdentifier(uid), admin_auth.UidIdentifier("nobody")], app=admin)
    assert [user.uid for user in found.users] == [uid]
    assert [missing.uid for missing in found.not_found] == ["nobody"]


def test_an_unknown_user_is_not_found(admin: firebase_admin.App) -> None:
    with pytest.raises(admin_auth.UserNotFoundError):
        admin_auth.get_user("nobody", app=admin)
    with pytest.raises(admin_auth.UserNotFoundError):
        admin_auth.delete_user("nobody", app=admin)


def test_an_address_or_an_id_is_taken_once(admin: firebase_admin.App) -> None:
    admin_auth.create_user(uid="u-1", email=MAIL, app=admin)
    with pytest.raises(admin_auth.EmailAlreadyExistsError):
        admin_auth.create_user(email=MAIL, app=admin)
    with pytest.raises(admin_auth.UidAlreadyExistsError):
        admin_auth.create_user(uid="u-1", app=admin)


def test_a_disabled_user_gets_no_further(auth: AuthServer, admin: firebase_admin.App) -> None:
    first = auth.post("signUp", {"email": MAIL, "password": WORD, "returnSecureToken": True}).json()
    admin_auth.update_user(first["localId"], disabled=True, app=admin)
    assert refusal(auth.post("signInWithPassword", {"email": MAIL, "password": WORD})) == "USER_DISABLED"
    assert refusal(refresh(auth, first["refreshToken"])) == "USER_DISABLED"
    with pytest.raises(admin_auth.UserDisabledError):
        admin_auth.verify_id_token(first["idToken"], app=admin, check_revoked=True)
    admin_auth.update_user(first["localId"], disabled=False, app=admin)
    auth.post("signInWithPassword", {"email": MAIL, "password": WORD}).raise_for_status()


def test_custom_claims_are_in_the_next_token(auth: AuthServer, admin: firebase_admin.App) -> None:
    first = auth.post("signUp", {"email": MAIL, "password": WORD, "returnSecureToken": True}).json()
    admin_auth.set_custom_user_claims(first["localId"], {"role": "auditor"}, app=admin)
    assert admin_auth.get_user(first["localId"], app=admin).custom_claims == {"role": "auditor"}
    assert payload(refresh(auth, first["refreshToken"]).json()["id_token"])["role"] == "auditor"
    admin_auth.set_custom_user_claims(first["localId"], None, app=admin)
    assert "role" not in payload(refresh(auth, first["refreshToken"]).json()["id_token"])


@pytest.mark.parametrize(
    ("claims", "message"),
    [('{"sub":"x"}', "FORBIDDEN_CLAIM"), (json.dumps({"x": "y" * 1000}), "CLAIMS_TOO_LARGE"), ("[]", "INVALID_CLAIMS")],
)
def test_claims_that_no_token_may_carry_are_refused(auth: AuthServer, claims: str, message: str) -> None:
    uid, _ = auth.sign_up(MAIL, WORD)
    url = f"http://{auth.address}/identitytoolkit.googleapis.com/v1/projects/{auth.project}/accounts:update"
    body = {"localId": uid, "customAttributes": claims}
    answer = requests.post(url, json=body, headers={"Authorization": "Bearer owner"}, timeout=10)
    assert refusal(answer).startswith(message)


def test_a_custom_token_signs_in_with_its_claims_and_keeps_them(auth: AuthServer, admin: firebase_admin.App) -> None:
    token = admin_auth.create_custom_token("u-7", {"plan": "gold"}, app=admin).decode()
    answer = auth.post("signInWithCustomToken", {"token": token, "returnSecureToken": True}).json()
    assert answer["isNewUser"] is True
    said = payload(answer["idToken"])
    assert (said["user_id"], said["plan"]) == ("u-7", "gold")
    assert said["firebase"]["sign_in_provider"] == "custom"
    assert payload(refresh(auth, answer["refreshToken"]).json()["id_token"])["plan"] == "gold"
    again = auth.post("signInWithCustomToken", {"token": token, "returnSecureToken": True}).json()
    assert again["isNewUser"] is False


def test_users_are_listed_and_deleted(auth: AuthServer, admin: firebase_admin.App) -> None:
    made = {auth.sign_up(f"user{number}@example.com")[0] for number in range(5)}
    page = admin_auth.list_users(max_results=2, app=admin)
    assert len(page.users) == 2
    assert {user.uid for user in page.iterate_all()} == made
    kept, *gone = sorted(made)
    admin_auth.delete_user(gone[0], app=admin)
    assert admin_auth.delete_users(gone[1:], app=admin).failure_count == 0
    assert [user.uid for user in admin_auth.list_users(app=admin).users] == [kept]


def test_the_admin_door_needs_the_owner(auth: AuthServer) -> None:
    uid, token = auth.sign_up(MAIL, WORD)
    url = f"http://{auth.address}/identitytoolkit.googleapis.com/v1/projects/{auth.project}/accounts:update"
    for headers in ({}, {"Authorization": f"Bearer {token}"}):
        answer = requests.post(url, json={"localId": uid, "disableUser": True}, headers=headers, timeout=10)
        assert answer.status_code in (400, 401, 403)
    assert "users" in auth.post("lookup", {"idToken": token}).json()


def test_an_account_may_have_a_password_and_no_address(auth: AuthServer, admin: firebase_admin.App) -> None:
    uid = admin_auth.create_user(password=WORD, app=admin).uid
    [listed] = admin_auth.list_users(app=admin).users
    assert (listed.uid, listed.email) == (uid, None)
    assert listed.password_hash
    assert listed.password_salt


def test_a_browser_cannot_choose_its_id(auth: AuthServer, admin: firebase_admin.App) -> None:
    answer = auth.post("signUp", {"localId": "chosen"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "UNEXPECTED_PARAMETER : User ID")
    assert not admin_auth.list_users(app=admin).users


def test_an_admin_links_and_unlinks_a_provider(auth: AuthServer, admin: firebase_admin.App) -> None:
    uids = [admin_auth.create_user(app=admin).uid for _ in range(2)]
    google = {"providerId": "google.com", "rawId": "g-1", "email": MAIL, "displayName": "Ann"}
    assert _update(auth, {"localId": uids[0], "linkProviderUserInfo": google}).status_code == 200
    found = admin_auth.get_users([admin_auth.ProviderIdentifier("google.com", "g-1")], app=admin).users
    assert [(user.uid, [one.provider_id for one in user.provider_data]) for user in found] == [
        (uids[0], ["google.com"])
    ]  # fmt: skip
    credential = {"postBody": "providerId=google.com&id_token=%7B%22sub%22%3A%22g-1%22%7D"}
    assert auth.post("signInWithIdp", credential).json()["localId"] == uids[0]
    assert refusal(_update(auth, {"localId": uids[1], "linkProviderUserInfo": google})) == (
        "FEDERATED_USER_ID_ALREADY_LINKED"
    )
    admin_auth.update_user(uids[0], providers_to_delete=["google.com"], app=admin)
    assert not admin_auth.get_user(uids[0], app=admin).provider_data


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "MISSING_LOCAL_ID"),
        ({"localId": "nobody"}, "USER_NOT_FOUND"),
        ({"localId": "{uid}", "linkProviderUserInfo": {"rawId": "1"}}, "MISSING_PROVIDER_ID"),
        ({"localId": "{uid}", "linkProviderUserInfo": {"providerId": "google.com"}}, "MISSING_RAW_ID"),
    ],
)
def test_an_update_that_makes_no_sense_is_refused(
    auth: AuthServer, admin: firebase_admin.App, body: dict[str, object], message: str
) -> None:
    uid = admin_auth.create_user(app=admin).uid
    named = {**body, "localId": uid} if body.get("localId") == "{uid}" else body
    assert refusal(_update(auth, named)) == message


@pytest.mark.parametrize("verb", ["lookup", "delete"])
def test_a_browser_says_who_it_is(auth: AuthServer, verb: str) -> None:
    assert refusal(auth.post(verb, {})) == "MISSING_ID_TOKEN"


def _update(auth: AuthServer, body: dict[str, object]) -> requests.Response:
    url = f"http://{auth.address}/identitytoolkit.googleapis.com/v1/projects/{auth.project}/accounts:update"
    return requests.post(url, json=body, headers={"Authorization": "Bearer owner"}, timeout=10)

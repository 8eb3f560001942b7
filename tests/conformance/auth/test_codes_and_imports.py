"""What firebase-admin does beyond single users: links to mail, imports, session cookies, revocation; and the codes."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import firebase_admin
import pytest
import requests
from firebase_admin import auth as admin_auth
from firebase_admin import exceptions

from tests.conformance.auth.test_browser_door import MAIL, WORD, payload, refresh, refusal
from tests.fixtures.auth import KEY, AuthServer


def _emulator(auth: AuthServer, name: str, method: str = "GET", **more: Any) -> requests.Response:
    return requests.request(
        method, f"http://{auth.address}/emulator/v1/projects/{auth.project}/{name}", timeout=10, **more
    )


def _code_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["oobCode"][0]


@pytest.mark.parametrize(
    ("generate", "mode"),
    [
        (admin_auth.generate_password_reset_link, "resetPassword"),
        (admin_auth.generate_email_verification_link, "verifyEmail"),
    ],
)
def test_an_admin_gets_a_link_to_mail(auth: AuthServer, admin: firebase_admin.App, generate: Any, mode: str) -> None:
    auth.sign_up(MAIL, WORD)
    link = generate(MAIL, admin_auth.ActionCodeSettings("http://localhost/after"), app=admin)
    said = parse_qs(urlsplit(link).query)
    assert (said["mode"], said["continueUrl"]) == ([mode], ["http://localhost/after"])
    assert _code_of(link) in [one["oobCode"] for one in _emulator(auth, "oobCodes").json()["oobCodes"]]


def test_a_sign_in_link_needs_no_account(auth: AuthServer, admin: firebase_admin.App) -> None:
    settings = admin_auth.ActionCodeSettings("http://localhost/after", handle_code_in_app=True)
    link = admin_auth.generate_sign_in_with_email_link(MAIL, settings, app=admin)
    answer = auth.post("signInWithEmailLink", {"email": MAIL, "oobCode": _code_of(link)}).json()
    assert (answer["isNewUser"], payload(answer["idToken"])["email_verified"]) == (True, True)


def test_a_link_for_an_unknown_user_is_refused(auth: AuthServer, admin: firebase_admin.App) -> None:
    with pytest.raises(admin_auth.EmailNotFoundError):
        admin_auth.generate_password_reset_link("nobody@example.com", app=admin)
    with pytest.raises(admin_auth.UserNotFoundError):
        admin_auth.generate_email_verification_link("nobody@example.com", app=admin)


def test_a_browser_gets_no_link_and_nobody_may_send_to_no_address(auth: AuthServer) -> None:
    auth.sign_up(MAIL, WORD)
    asked = {"requestType": "PASSWORD_RESET", "email": MAIL}
    assert "oobLink" not in auth.post("sendOobCode", asked).json()
    assert refusal(auth.post("sendOobCode", {**asked, "returnOobLink": True})) == "INSUFFICIENT_PERMISSION"
    assert refusal(auth.post("sendOobCode", {"requestType": "PASSWORD_RESET"})) == "MISSING_EMAIL"
    assert refusal(auth.post("sendOobCode", {"email": MAIL})) == "MISSING_REQ_TYPE"
    assert refusal(auth.post("sendOobCode", {**asked, "requestType": "POSTCARD"})) == "INVALID_REQ_TYPE"
    assert refusal(auth.post("sendOobCode", {**asked, "continueUrl": "nowhere"})).startswith("INVALID_CONTINUE_URI")
    assert refusal(auth.post("sendOobCode", {"requestType": "VERIFY_EMAIL"})) == "INVALID_ID_TOKEN"


def test_a_reset_is_good_once(auth: AuthServer) -> None:
    auth.sign_up(MAIL, WORD)
    auth.post("sendOobCode", {"requestType": "PASSWORD_RESET", "email": MAIL})
    code = _emulator(auth, "oobCodes").json()["oobCodes"][-1]["oobCode"]
    assert auth.post("resetPassword", {"oobCode": code}).json()["requestType"] == "PASSWORD_RESET"
    assert auth.post("resetPassword", {"oobCode": code, "newPassword": "battery staple"}).json()["email"] == MAIL
    assert refusal(auth.post("resetPassword", {"oobCode": code, "newPassword": "once more"})) == "INVALID_OOB_CODE"
    assert auth.post("signInWithPassword", {"email": MAIL, "password": "battery staple"}).status_code == 200


def test_a_click_on_a_mailed_link_does_what_it_says(auth: AuthServer, admin: firebase_admin.App) -> None:
    uid, _ = auth.sign_up(MAIL, WORD)
    link = admin_auth.generate_email_verification_link(MAIL, app=admin)
    assert requests.get(link, timeout=10).json()["authEmulator"]["email"] == MAIL
    assert admin_auth.get_user(uid, app=admin).email_verified
    assert requests.get(link, timeout=10).status_code == 400
    link = admin_auth.generate_password_reset_link(MAIL, app=admin)
    assert requests.get(f"{link}&newPassword=battery+staple", timeout=10).status_code == 200
    assert auth.post("signInWithPassword", {"email": MAIL, "password": "battery staple"}).status_code == 200


def test_users_are_imported_as_they_are(auth: AuthServer, admin: firebase_admin.App) -> None:
    google = admin_auth.UserProvider("g-7", "google.com", "seven@gmail.com", "Seven")
    users = [
        admin_auth.ImportUserRecord(
            f"u-{number}", email=f"u{number}@example.com", email_verified=True, custom_claims={"n": number},
            provider_data=[google] if number == 7 else None, phone_number=f"+155501{number:05}",
        )
        for number in range(30)
    ]  # fmt: skip
    done = admin_auth.import_users(users, app=admin)
    assert (done.success_count, done.failure_count) == (30, 0)
    listed = sorted(user.uid for user in admin_auth.list_users(max_results=7, app=admin).iterate_all())
    assert listed == sorted(f"u-{number}" for number in range(30))
    seven = admin_auth.get_user_by_phone_number("+15550100007", app=admin)
    assert (seven.custom_claims, seven.email_verified) == ({"n": 7}, True)
    [known] = admin_auth.get_users([admin_auth.ProviderIdentifier("google.com", "g-7")], app=admin).users
    assert known.uid == "u-7"


def test_an_import_names_who_could_not_be_taken(auth: AuthServer, admin: firebase_admin.App) -> None:
    admin_auth.create_user(uid="u-1", email=MAIL, app=admin)
    users = [admin_auth.ImportUserRecord("u-2", email=MAIL), admin_auth.ImportUserRecord("u-3")]
    done = admin_auth.import_users(users, app=admin)
    assert (done.success_count, [(one.index, one.reason) for one in done.errors]) == (1, [(0, "EMAIL_EXISTS")])


def test_an_imported_hash_is_kept_but_opens_nothing(auth: AuthServer, admin: firebase_admin.App) -> None:
    record = admin_auth.ImportUserRecord("u-1", email=MAIL, password_hash=b"hash", password_salt=b"salt")
    scheme = admin_auth.UserImportHash.hmac_sha256(key=b"secret")
    assert admin_auth.import_users([record], hash_alg=scheme, app=admin).failure_count == 0
    assert refusal(auth.post("signInWithPassword", {"email": MAIL, "password": "hash"})) == "INVALID_PASSWORD"


def test_a_password_in_the_emulators_own_form_is_taken(auth: AuthServer) -> None:
    user = {"localId": "u-1", "email": MAIL, "passwordHash": f"fakeHash:salt=s:password={WORD}"}
    url = f"http://{auth.address}/identitytoolkit.googleapis.com/v1/projects/{auth.project}/accounts:batchCreate"
    owner = {"Authorization": "Bearer owner"}
    assert "error" not in requests.post(url, json={"users": [user]}, headers=owner, timeout=10).json()
    assert auth.post("signInWithPassword", {"email": MAIL, "password": WORD}).status_code == 200


def test_a_session_cookie_stands_for_its_token(auth: AuthServer, admin: firebase_admin.App) -> None:
    uid, token = auth.sign_up(MAIL, WORD)
    cookie = admin_auth.create_session_cookie(token, expires_in=600, app=admin)
    said = admin_auth.verify_session_cookie(cookie.decode() if isinstance(cookie, bytes) else cookie, app=admin)
    assert (said["uid"], said["exp"] - said["iat"]) == (uid, 600)
    assert said["iss"] == f"https://session.firebase.google.com/{auth.project}"
    with pytest.raises(exceptions.InvalidArgumentError):
        admin_auth.create_session_cookie("nonsense", expires_in=600, app=admin)


def test_revoked_sessions_end(auth: AuthServer, admin: firebase_admin.App) -> None:
    signed = auth.post("signUp", {"email": MAIL, "password": WORD, "returnSecureToken": True}).json()
    said = payload(signed["idToken"])
    admin_auth.update_user(signed["localId"], valid_since=said["iat"] + 1, app=admin)
    with pytest.raises(admin_auth.RevokedIdTokenError):
        admin_auth.verify_id_token(signed["idToken"], app=admin, check_revoked=True)
    assert refusal(refresh(auth, signed["refreshToken"])) == "TOKEN_EXPIRED"
    admin_auth.revoke_refresh_tokens(signed["localId"], app=admin)
    assert admin_auth.get_user(signed["localId"], app=admin).tokens_valid_after_timestamp >= said["iat"] * 1000


def test_a_phone_signs_in_by_the_code_that_was_texted(auth: AuthServer, admin: firebase_admin.App) -> None:
    session = auth.post("sendVerificationCode", {"phoneNumber": "+15550100"}).json()["sessionInfo"]
    [texted] = _emulator(auth, "verificationCodes").json()["verificationCodes"]
    assert texted["phoneNumber"] == "+15550100"
    wrong = {"sessionInfo": session, "code": "no code"}
    assert refusal(auth.post("signInWithPhoneNumber", wrong)) == "INVALID_CODE"
    answer = auth.post("signInWithPhoneNumber", {"sessionInfo": session, "code": texted["code"]}).json()
    assert (answer["isNewUser"], payload(answer["idToken"])["phone_number"]) == (True, "+15550100")
    assert admin_auth.get_user_by_phone_number("+15550100", app=admin).uid == answer["localId"]
    assert refusal(auth.post("sendVerificationCode", {"phoneNumber": "tomorrow"})).startswith("INVALID_PHONE_NUMBER")


def test_the_emulators_own_endpoints_clear_and_configure(auth: AuthServer, admin: firebase_admin.App) -> None:
    auth.sign_up(MAIL, WORD)
    auth.post("sendOobCode", {"requestType": "PASSWORD_RESET", "email": MAIL})
    assert _emulator(auth, "config").json()["signIn"] == {"allowDuplicateEmails": False}
    assert _emulator(auth, "accounts", "DELETE").json() == {}
    assert not admin_auth.list_users(app=admin).users
    assert _emulator(auth, "oobCodes").json() == {"oobCodes": []}
    duplicates = _emulator(auth, "config", "PATCH", json={"signIn": {"allowDuplicateEmails": True}})
    assert (duplicates.status_code, "NOT_IMPLEMENTED" in duplicates.text) == (501, True)


@pytest.mark.parametrize(
    "call",
    [
        lambda admin: admin_auth.list_oidc_provider_configs(app=admin),
        lambda admin: admin_auth.get_saml_provider_config("saml.x", app=admin),
    ],
)
def test_what_is_not_served_is_named(auth: AuthServer, admin: firebase_admin.App, call: Any) -> None:
    with pytest.raises(exceptions.FirebaseError, match=r"local auth has no (OIDC|SAML) providers "):
        call(admin)


@pytest.mark.parametrize(
    ("verb", "body", "missing"),
    [
        ("signUp", {"tenantId": "t1"}, "tenants"),
        ("signInWithPassword", {"email": MAIL, "password": WORD, "tenantId": "t1"}, "tenants"),
        ("signInWithCustomToken", {"token": '{"uid": "u1", "tenant_id": "t1"}'}, "tenants"),
        ("update", {"mfa": {"enrollments": [{"phoneInfo": "+15550100"}]}}, "second factors"),
        ("signInWithIdp", {"postBody": "providerId=oidc.x&id_token=%7B%22sub%22%3A%221%22%7D"}, "OIDC providers"),
        ("signInWithIdp", {"postBody": "providerId=saml.x&SAMLResponse=x"}, "SAML providers"),
    ],
)
def test_a_request_for_what_is_not_served_is_not_half_done(
    auth: AuthServer, admin: firebase_admin.App, verb: str, body: dict[str, Any], missing: str
) -> None:
    answer = auth.post(verb, body)
    assert (answer.status_code, answer.json()["error"]["status"]) == (501, "UNIMPLEMENTED")
    assert answer.json()["error"]["message"].startswith(f"NOT_IMPLEMENTED : local auth has no {missing}")
    assert not admin_auth.list_users(app=admin).users


@pytest.mark.parametrize(("method", "path"), [("GET", "v2/tenants"), ("POST", "v1/tenants/t1/accounts:lookup")])
def test_an_admin_is_told_that_there_are_no_tenants(auth: AuthServer, method: str, path: str) -> None:
    version, _, rest = path.partition("/")
    url = f"http://{auth.address}/identitytoolkit.googleapis.com/{version}/projects/{auth.project}/{rest}"
    answer = requests.request(method, url, headers={"Authorization": "Bearer owner"}, timeout=10)
    assert (answer.status_code, "local auth has no tenants (tenants" in answer.text) == (501, True)


def test_a_second_factor_is_not_imported(auth: AuthServer, admin: firebase_admin.App) -> None:
    url = f"http://{auth.address}/identitytoolkit.googleapis.com/v1/projects/{auth.project}/accounts"
    owner = {"Authorization": "Bearer owner"}
    users = [
        {"localId": "a"},
        {"localId": "b", "mfaInfo": [{"phoneInfo": "+15550100"}]},
        {"localId": "c", "tenantId": "t"},
    ]
    errors = requests.post(f"{url}:batchCreate", json={"users": users}, headers=owner, timeout=10).json()["error"]
    assert [(one["index"], one["message"].partition(" no ")[2]) for one in errors] == [
        (1, "second factors (mfa)"), (2, "tenants (tenantId)"),
    ]  # fmt: skip
    assert [user.uid for user in admin_auth.list_users(app=admin).users] == ["a"]


def test_the_page_of_a_popup_says_what_it_cannot(auth: AuthServer) -> None:
    answer = requests.get(f"http://{auth.address}/emulator/auth/handler", timeout=10)
    assert (answer.status_code, "signInWithCredential" in answer.text) == (501, True)


@pytest.mark.parametrize("path", ["v2/accounts/mfaEnrollment:start", "v2/accounts/mfaSignIn:start"])
def test_second_factors_are_not_served_by_name(auth: AuthServer, path: str) -> None:
    url = f"http://{auth.address}/identitytoolkit.googleapis.com/{path}"
    answer = requests.post(url, params={"key": KEY}, json={}, timeout=10)
    assert (answer.status_code, path in answer.text) == (501, True)

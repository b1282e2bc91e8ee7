"""This file is where nothing that is sent to Auth is shown to be passed over in silence."""

from typing import Any

import pytest
from supabase_auth.errors import AuthApiError

from local.gateway.auth_fields import ENDPOINTS
from tests.gateway.conftest import PASSWORD, Person, Served
from tests.gateway.test_sign_in import code_of


def send(gateway: Served, ada: Person, endpoint: tuple[str, str], **options: Any) -> Any:
    method, path = endpoint
    secret = {"apikey": gateway.config.secret_key} if path.startswith("admin/") else {}
    token = "" if secret else ada.token
    path = f"/auth/v1/{path.replace('<id>', ada.id)}"
    return gateway.raw(method, path, token=token, headers=secret, **options)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=" ".join)
def test_what_an_endpoint_does_not_understand_it_refuses(
    gateway: Served, ada: Person, endpoint: tuple[str, str]
) -> None:
    path = endpoint[1] + ("&" if "?" in endpoint[1] else "?") + "nothing=1"
    answers = {"parameter nothing": send(gateway, ada, (endpoint[0], path))}
    # The others do not look at a body, here as there.
    if ENDPOINTS[endpoint].struct:
        answers["field nothing"] = send(gateway, ada, endpoint, json={"nothing": 1})

    for what, answer in answers.items():
        assert (answer.status_code, answer.json()["code"]) == (501, "not_implemented")
        assert what in answer.json()["message"]


REFUSED: dict[str, tuple[str, str, Any, tuple[int, str]]] = {
    "a list that is to be filtered": (
        "GET", "admin/users?filter=demo", None, (501, "not_implemented"),
    ),
    "a list that is to be sorted": (
        "GET", "admin/users?sort=created_at+asc", None, (501, "not_implemented"),
    ),
    "a user's factors": ("GET", "admin/users/<id>/factors", None, (501, "not_implemented")),
    "a user's factor": ("DELETE", "admin/users/<id>/factors/x", None, (501, "not_implemented")),
    "a user's passkeys": ("GET", "admin/users/<id>/passkeys", None, (501, "not_implemented")),
    "a user that is none": ("GET", "admin/users/x", None, (404, "validation_failed")),
    "a role": ("PUT", "admin/users/<id>", {"role": "root"}, (501, "not_implemented")),
    "data that is a list": ("PUT", "admin/users/<id>", {"user_metadata": []}, (400, "bad_json")),
    "a flag that is a word": (
        "PUT", "admin/users/<id>", {"email_confirm": "no"}, (400, "bad_json"),
    ),
    "a soft deletion, by a word": (
        "DELETE", "admin/users/<id>", {"should_soft_delete": "no"}, (400, "bad_json"),
    ),
    "metadata of the app": ("PUT", "user", {"app_metadata": {}}, (403, "not_admin")),
    "a password with the old one": (
        "PUT", "user", {"password": "new words", "current_password": "x"}, (501, "not_implemented"),
    ),
    "a password with a nonce": (
        "PUT", "user", {"password": "new words", "nonce": "1"}, (501, "not_implemented"),
    ),
    "a role for oneself": ("PUT", "user", {"role": "service_role"}, (501, "not_implemented")),
    "signing up by phone": (
        "POST", "signup", {"phone": "1", "password": PASSWORD}, (400, "phone_provider_disabled"),
    ),
    "signing up by both": (
        "POST", "signup", {"phone": "1", "email": "a@example.com"}, (400, "validation_failed"),
    ),
    "signing up as nobody": ("POST", "signup", {}, (422, "anonymous_provider_disabled")),
    "signing up with a role": (
        "POST", "signup", {"email": "a@example.com", "role": "root"}, (501, "not_implemented"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_and_changes_nothing(gateway: Served, ada: Person, case: str) -> None:
    method, path, body, code = REFUSED[case]
    users = gateway.service.auth.admin
    before = users.get_user_by_id(ada.id).user, len(users.list_users(per_page=1000))

    answer = send(gateway, ada, (method, path), json=body)

    assert (answer.status_code, answer.json()["code"]) == code
    assert (users.get_user_by_id(ada.id).user, len(users.list_users(per_page=1000))) == before
    assert gateway.token_of(ada.email)


def test_supabase_py_hears_that_nobody_signs_in_without_a_name(gateway: Served) -> None:
    with pytest.raises(AuthApiError) as refused:
        gateway.client().auth.sign_in_anonymously()

    assert code_of(refused) == (422, "anonymous_provider_disabled")


OTHER_SERVICES = ("storage", "realtime", "functions", "graphql")


@pytest.mark.parametrize("service", OTHER_SERVICES)
def test_a_service_that_is_not_here_says_so(gateway: Served, service: str) -> None:
    for path in (f"/{service}/v1", f"/{service}/v1/anything/below"):
        answer = gateway.raw("POST", path, json={})
        assert (answer.status_code, answer.json()["code"]) == (501, "not_implemented")
        assert "is not part of the embedded stack" in answer.json()["message"]
    assert gateway.raw("GET", f"/{service}/v11").status_code == 404


@pytest.mark.parametrize("path", ["items/", "rpc/ping/", "items//"])
def test_a_slash_at_the_end_leads_nowhere(gateway: Served, ada: Person, path: str) -> None:
    for method in ("GET", "POST"):
        answer = gateway.raw(method, f"/rest/v1/{path}", token=ada.token)
        assert (answer.status_code, answer.json()["code"]) == (404, "PGRST125")

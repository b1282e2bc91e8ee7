"""This file is where it is listed what each Auth endpoint understands; the rest is refused.

A field that was passed over would look as if it had been obeyed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from local.gateway.auth_wire import not_implemented

# Clients send these with every call; without mails and captchas they change nothing on hosted.
OF_CLIENTS = frozenset({"gotrue_meta_security", "code_challenge", "code_challenge_method"})
PASSWORD_GRANT, REFRESH_GRANT = "token?grant_type=password", "token?grant_type=refresh_token"
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The fields and query parameters that one endpoint obeys, or may pass over as hosted does."""

    fields: frozenset[str] = NOTHING
    parameters: frozenset[str] = NOTHING


_CHANGES = frozenset({"password", "email_confirm", "app_metadata", "user_metadata"})

ENDPOINTS: Mapping[tuple[str, str], Endpoint] = {
    ("POST", "signup"): Endpoint(
        # A channel goes with a phone, which is refused for itself.
        frozenset({"email", "phone", "password", "data", "channel"}) | OF_CLIENTS,
        frozenset({"redirect_to"}),
    ),
    ("POST", PASSWORD_GRANT): Endpoint(
        # supabase-py sends `data` here too, which Supabase Auth does not read.
        frozenset({"email", "phone", "password", "data"}) | OF_CLIENTS,
        frozenset({"grant_type"}),
    ),
    ("POST", REFRESH_GRANT): Endpoint(
        frozenset({"refresh_token"}) | OF_CLIENTS, frozenset({"grant_type"})
    ),
    ("POST", "logout"): Endpoint(parameters=frozenset({"scope"})),
    ("GET", "user"): Endpoint(),
    ("PUT", "user"): Endpoint(
        frozenset({"password", "data", "app_metadata"}) | OF_CLIENTS, frozenset({"redirect_to"})
    ),
    ("POST", "admin/users"): Endpoint(_CHANGES | {"id", "email"}),
    ("GET", "admin/users"): Endpoint(parameters=frozenset({"page", "per_page"})),
    ("GET", "admin/users/<id>"): Endpoint(),
    ("PUT", "admin/users/<id>"): Endpoint(_CHANGES),
    ("DELETE", "admin/users/<id>"): Endpoint(frozenset({"should_soft_delete"})),
}


def refuse_others(request: Request, body: Mapping[str, Any], path: str) -> None:
    """Raises AuthError 501 for an endpoint, a field or a parameter outside the list.

    A field that is null counts as not given, as on hosted.
    """
    endpoint = ENDPOINTS.get((request.method, path))
    if endpoint is None:
        raise not_implemented(f"{request.method} {request.path_params['path']}")
    given = (name for name, value in body.items() if value is not None)
    _refuse(path, "field", given, endpoint.fields)
    _refuse(path, "parameter", request.query_params, endpoint.parameters)


def _refuse(path: str, kind: str, given: Iterable[str], known: frozenset[str]) -> None:
    if others := sorted(set(given) - known):
        raise not_implemented(f"{path} with the {kind} {', '.join(others)}"[:200])

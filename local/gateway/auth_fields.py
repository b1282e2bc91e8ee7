"""This file is where it is listed what each Auth endpoint understands; the rest is refused.

A field that was passed over would look as if it had been obeyed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request

from local.gateway.errors import AuthError

TEXT, FLAG, MAP, ANY = "string", "bool", "map[string]interface {}", ""
PASSWORD_GRANT, REFRESH_GRANT = "token?grant_type=password", "token?grant_type=refresh_token"
KEYS_DOCUMENT = ".well-known/jwks.json"
ONE_USER = re.compile(r"admin/users/([^/]+)/?")
# Routes that Supabase Auth also knows with a slash at their end.
MOUNTED = ("signup/", "user/", "admin/users/")

Types = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one endpoint reads: fields with their types as Supabase Auth declares them."""

    # Its refusals of wrong types name this.
    struct: str = ""
    fields: Types = field(default_factory=dict)
    # Read by Supabase Auth and not obeyed here: refused unless empty, which changes nothing.
    beyond: Types = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()
    may_be_empty: bool = False


def _all(kind: str, names: str) -> Types:
    return dict.fromkeys(names.split(), kind)


# Clients send these with every call; without mails and captchas they change nothing on hosted.
_CLIENTS = _all(ANY, "gotrue_meta_security code_challenge code_challenge_method")
_CHANGES = {
    **_all(TEXT, "password"),
    **_all(FLAG, "email_confirm"),
    **_all(MAP, "app_metadata user_metadata"),
}
_BEYOND = {
    **_all(TEXT, "aud role phone password_hash ban_duration"),
    **_all(FLAG, "phone_confirm"),
}

ENDPOINTS: Mapping[tuple[str, str], Endpoint] = {
    ("GET", KEYS_DOCUMENT): Endpoint(),
    ("POST", "signup"): Endpoint(
        "SignupParams",
        {
            **_CLIENTS,
            # A channel goes with a phone, which is refused for itself.
            **_all(TEXT, "email phone password channel code_challenge code_challenge_method"),
            **_all(MAP, "data"),
        },
        parameters=frozenset({"redirect_to"}),
    ),
    ("POST", PASSWORD_GRANT): Endpoint(
        "PasswordGrantParams",
        # supabase-py sends `data` here too, which Supabase Auth does not read.
        {**_CLIENTS, **_all(TEXT, "email phone password"), **_all(ANY, "data")},
        parameters=frozenset({"grant_type"}),
    ),
    ("POST", REFRESH_GRANT): Endpoint(
        "RefreshTokenGrantParams",
        {**_CLIENTS, **_all(TEXT, "refresh_token")},
        parameters=frozenset({"grant_type"}),
    ),
    ("POST", "logout"): Endpoint(parameters=frozenset({"scope"})),
    ("GET", "user"): Endpoint(),
    ("PUT", "user"): Endpoint(
        "UserUpdateParams",
        {
            **_CLIENTS,
            **_all(TEXT, "email password code_challenge code_challenge_method"),
            **_all(MAP, "data app_metadata"),
        },
        _all(TEXT, "phone nonce current_password channel"),
        frozenset({"redirect_to"}),
    ),
    ("POST", "admin/users"): Endpoint(
        "AdminUserParams", {**_CHANGES, **_all(TEXT, "id email")}, _BEYOND
    ),
    ("GET", "admin/users"): Endpoint(parameters=frozenset({"page", "per_page"})),
    ("GET", "admin/users/<id>"): Endpoint(),
    ("PUT", "admin/users/<id>"): Endpoint(
        "AdminUserParams", _CHANGES, {**_BEYOND, **_all(TEXT, "id email")}
    ),
    ("DELETE", "admin/users/<id>"): Endpoint(
        "adminUserDeleteParams", beyond=_all(FLAG, "should_soft_delete"), may_be_empty=True
    ),
}


def not_implemented(what: str) -> AuthError:
    """The answer to everything outside the subset in docs/embedded.md."""
    return AuthError(501, "not_implemented", f"Feature not implemented: {what}"[:200])


def path_of(request: Request) -> str:
    """The path below /auth/v1/ as it was sent: a %2F in an id is not a slash."""
    path: str = request.scope["raw_path"].decode("latin-1").removeprefix("/auth/v1/")
    return path


def name_of(path: str) -> str:
    """The endpoint's name in the list above; of a path that it does not have, the path."""
    if path in MOUNTED:
        return path[:-1]
    return "admin/users/<id>" if ONE_USER.fullmatch(path) else path


def methods_of(name: str) -> list[str]:
    """The methods that an endpoint knows; none for a path outside the subset."""
    return sorted({method for method, one in ENDPOINTS if one.partition("?")[0] == name})


def endpoint_for(request: Request, name: str) -> Endpoint:
    """The endpoint; raises AuthError 501 for what is none and for parameters outside the list."""
    endpoint = ENDPOINTS.get((request.method, name))
    if endpoint is None:
        raise not_implemented(f"{request.method} {path_of(request)}")
    refuse_unknown(name, "parameter", set(request.query_params) - endpoint.parameters)
    return endpoint


def refuse_unknown(name: str, kind: str, others: Iterable[str]) -> None:
    """Raises AuthError 501 that names them."""
    if named := ", ".join(sorted(others)):
        raise not_implemented(f"{name} with the {kind} {named}")

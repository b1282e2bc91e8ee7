"""This file is where people sign in, stay signed in and sign out."""

import json
import re
import uuid
from urllib.parse import parse_qs

import psycopg
from starlette.requests import Request
from starlette.responses import Response

from local.gateway import accounts
from local.gateway.accounts import Passwords, Row
from local.gateway.admin import Admin
from local.gateway.attempts import REFUSED, Attempts
from local.gateway.auth_access import (
    SignedIn,
    audience_of,
    identify_caller,
    load_signed_in,
    refuse_banned,
)
from local.gateway.auth_fields import (
    KEYS_DOCUMENT,
    PASSWORD_GRANT,
    REFRESH_GRANT,
    endpoint_for,
    methods_of,
    name_of,
    not_implemented,
    path_of,
)
from local.gateway.auth_wire import Body, check_fields, json_response, read_fields, read_raw
from local.gateway.config import Config
from local.gateway.database import AuthConnection, Database
from local.gateway.errors import AuthError
from local.gateway.sessions import Sessions
from local.gateway.tokens import Keys, role_of_key

AUDIENCE = "authenticated"
CODE_CHALLENGE = re.compile(r"[a-zA-Z._~0-9-]+")
FORM = "application/x-www-form-urlencoded"


class Auth:
    """Answers /auth/v1."""

    def __init__(self, config: Config, database: Database, keys: Keys) -> None:
        self._config = config
        self._database = database
        self._keys = keys
        self._passwords = Passwords(config)
        self._sessions = Sessions(config, keys)
        self._admin = Admin(database, self._passwords)
        self._attempts = Attempts(config.rate_limit, config.rate_limit_seconds)
        self._posted = {"token": self._token, "signup": self._sign_up, "logout": self._sign_out}

    async def answer(self, request: Request) -> Response:
        """Answers one request; raises AuthError or ApiError for a refusal."""
        path = path_of(request)
        name = name_of(path)
        if name == KEYS_DOCUMENT:
            return self._other_method(request, name) or self._keys_document(request)
        role_of_key(request.headers, self._config)
        if request.headers.get("x-jwt-aud", AUDIENCE) != AUDIENCE:
            raise not_implemented("another audience")
        if path.startswith("admin/"):
            return await self._administer(request, name)
        if name == "user":
            return await self._user(request)
        answer = self._posted.get(name)
        if answer is None:
            raise not_implemented(f"{request.method} {path}")
        return self._other_method(request, name) or await answer(request)

    def _other_method(self, request: Request, name: str) -> Response | None:
        """What is answered to a method that a known endpoint does not have."""
        known = methods_of(name)
        if not known or request.method in known:
            return None
        return Response(status_code=405, headers={"Allow": ", ".join(known)})

    def _keys_document(self, request: Request) -> Response:
        endpoint_for(request, KEYS_DOCUMENT)
        kept = {"Cache_Control": "public, max-age=600"}
        return json_response({"keys": [self._keys.public]}, **kept)

    async def _token(self, request: Request) -> Response:
        raw = await read_raw(request)
        asked = request.query_params.getlist("grant_type")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
            # Go reads the form to find the grant; for the fields nothing is left.
            asked = parse_qs(raw.decode(errors="replace")).get("grant_type", []) + asked
            raw = b""
        match asked[0] if asked else "":
            case "password":
                endpoint = endpoint_for(request, PASSWORD_GRANT)
                body = check_fields(raw, PASSWORD_GRANT, endpoint)
                return await self._sign_in(request.client.host if request.client else "", body)
            case "refresh_token":
                endpoint = endpoint_for(request, REFRESH_GRANT)
                body = check_fields(raw, REFRESH_GRANT, endpoint)
                async with self._database.accounts() as connection:
                    spent = body.get("refresh_token", "")
                    return json_response(await self._sessions.refresh(connection, spent))
            case "id_token" | "pkce" | "web3" as other:
                raise not_implemented(f"grant_type={other}")
        raise AuthError(400, REFUSED, "unsupported_grant_type")

    async def _sign_in(self, host: str, body: Body) -> Response:
        email, password = _email_to_sign_in(body), body.get("password", "")
        with self._attempts.one((host, email[: accounts.LONGEST_EMAIL])):
            user = await self._known(email, password)
        if not user["email_confirmed_at"]:
            raise AuthError(400, "email_not_confirmed", "Email not confirmed")
        weakness = self._passwords.weakness(password)
        weak = {"message": weakness, "reasons": ["length"]} if weakness else None
        async with self._database.accounts() as connection:
            opened = await self._sessions.open(connection, user)
        return json_response({**opened, "weak_password": weak})

    async def _known(self, email: str, password: str) -> Row:
        """The user with this password; an unknown address takes as long and looks the same."""
        async with self._database.accounts() as connection:
            user = await accounts.find(connection, email)
        hashed = user["encrypted_password"] if user else None
        matches = await self._passwords.match(password, hashed)
        if user and hashed and accounts.is_banned(user):
            raise AuthError(400, "user_banned", "User is banned")
        if user is None or not matches:
            raise AuthError(400, REFUSED, "Invalid login credentials")
        return user

    async def _sign_up(self, request: Request) -> Response:
        body = await read_fields(request, "signup", endpoint_for(request, "signup"))
        self._check_sign_up(body)
        email = accounts.check_email(body["email"])
        wanted = {
            "id": uuid.uuid4(),
            "email": email,
            "password": await self._passwords.hash(body["password"]),
            "data": body.get("data", {}),
        }
        async with self._database.accounts() as connection:
            known = await accounts.find(connection, email)
            if known and known["email_confirmed_at"]:
                raise _registered()
            try:
                # Whose address somebody else has entered keeps the password from there.
                user = await (
                    accounts.update(connection, known, confirmed=True)
                    if known
                    else accounts.sign_up(connection, wanted)
                )
            except psycopg.errors.UniqueViolation as error:
                raise _registered() from error
            opened = await self._sessions.open(connection, user)
        if known is None:
            # Shown once only, and nowhere kept: from the next request on it is false.
            opened["user"]["identities"][0]["identity_data"]["email_verified"] = True
        return json_response(opened)

    def _check_sign_up(self, body: Body) -> None:
        email, phone, password = (body.get(name) for name in ("email", "phone", "password"))
        if not email and not phone:
            message = "Anonymous sign-ins are disabled"
            raise AuthError(422, "anonymous_provider_disabled", message)
        if not self._config.signup:
            raise AuthError(422, "signup_disabled", "Signups not allowed for this instance")
        if not password:
            raise AuthError(400, "validation_failed", "Signup requires a valid password")
        self._passwords.check(password)
        if email and phone:
            message = "Only an email address or phone number should be provided on signup."
            raise AuthError(400, "validation_failed", message)
        _check_challenge(body)
        if phone:
            raise AuthError(400, "phone_provider_disabled", "Phone signups are disabled")

    async def _signed_in(self, request: Request) -> SignedIn:
        claims = identify_caller(request.headers, self._config, self._keys)
        async with self._database.accounts() as connection:
            who = await load_signed_in(connection, claims)
        refuse_banned(who.user)
        return who

    async def _user(self, request: Request) -> Response:
        who = await self._signed_in(request)
        if refused := self._other_method(request, "user"):
            return refused
        endpoint = endpoint_for(request, "user")
        if request.method == "PUT":
            return await self._change_user(who, await read_fields(request, "user", endpoint))
        if not any(audience_of(who.claims)[:1]):
            message = "Token audience doesn't match request audience"
            raise AuthError(400, "validation_failed", message)
        async with self._database.accounts() as connection:
            (shown,) = await accounts.describe(connection, [who.user])
        return json_response(shown)

    async def _change_user(self, who: SignedIn, body: Body) -> Response:
        await self._check_change(who.user, body)
        password = body.get("password")
        changed = {
            "password": password and await self._passwords.hash(password),
            "user_metadata": body.get("data"),
        }
        async with self._database.accounts() as connection:
            user = await accounts.update(connection, who.user, **changed)
            if password:
                await accounts.end_sessions(connection, user["id"], but=who.session)
            (shown,) = await accounts.describe(connection, [user])
        return json_response(shown)

    async def _check_change(self, user: Row, body: Body) -> None:
        if body.get("email", "") and accounts.check_email(body["email"]) != user["email"]:
            raise not_implemented("user with the field email")
        password = body.get("password")
        if password is not None:
            self._passwords.check(password)
        if "app_metadata" in body:
            message = "Updating app_metadata requires admin privileges"
            raise AuthError(403, "not_admin", message)
        if password and await self._passwords.match(password, user["encrypted_password"]):
            message = "New password should be different from the old password."
            raise AuthError(422, "same_password", message)

    async def _sign_out(self, request: Request) -> Response:
        who = await self._signed_in(request)
        endpoint_for(request, "logout")
        scope = (request.query_params.getlist("scope") or [""])[0] or "global"
        if scope not in ("global", "local", "others"):
            named = json.dumps(scope, ensure_ascii=False)
            raise AuthError(400, "validation_failed", f"Unsupported logout scope {named}")
        async with self._database.accounts() as connection:
            await _end(connection, who, scope)
        return Response(status_code=204)

    async def _administer(self, request: Request, name: str) -> Response:
        claims = identify_caller(request.headers, self._config, self._keys)
        if claims.get("session_id"):
            async with self._database.accounts() as connection:
                await load_signed_in(connection, claims)
        if claims.get("role") != "service_role":
            raise AuthError(403, "not_admin", "User not allowed")
        user = await self._admin.load(request)
        if refused := self._other_method(request, name):
            return refused
        endpoint = endpoint_for(request, name)
        body = await read_fields(request, name, endpoint) if endpoint.struct else {}
        return await self._admin.answer(request, body, user)


def _email_to_sign_in(body: Body) -> str:
    email, phone = body.get("email", ""), body.get("phone", "")
    if email and phone:
        message = "Only an email address or phone number should be provided on login."
        raise AuthError(400, "validation_failed", message)
    if phone:
        raise AuthError(422, "phone_provider_disabled", "Phone logins are disabled")
    if not email:
        raise AuthError(400, "validation_failed", "missing email or phone")
    return str(email).lower()


def _check_challenge(body: Body) -> None:
    challenge, method = body.get("code_challenge", ""), body.get("code_challenge_method", "")
    message = ""
    if bool(challenge) != bool(method):
        message = "PKCE flow requires code_challenge_method and code_challenge"
    elif challenge and not 43 <= len(challenge.encode(errors="surrogatepass")) <= 128:
        message = "code challenge has to be between 43 and 128 characters"
    elif challenge and not CODE_CHALLENGE.fullmatch(challenge):
        message = (
            "code challenge can only contain alphanumeric characters, hyphens, periods, "
            "underscores and tildes"
        )
    if message:
        raise AuthError(400, "validation_failed", message)


def _registered() -> AuthError:
    return AuthError(422, "user_already_exists", "User already registered")


async def _end(connection: AuthConnection, who: SignedIn, scope: str) -> None:
    if who.session and scope == "local":
        await accounts.change(connection, "delete_session", session=who.session)
        return
    kept = who.session if scope == "others" else None
    await accounts.end_sessions(connection, who.user["id"], but=kept)

"""This file is where the Graph API says whose a token is, and takes subscriptions."""

from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.sandbox import network
from local.sandbox.accounts import Holder, accounts, debugged, holder_of
from local.sandbox.faults import Fault, Faults
from local.sandbox.graph_errors import bad_parameter, error, usage_headers
from local.sandbox.tokens import parameters_of, refuse_token, token_of

ACCOUNTS_AT_ONCE = 25
SUBSCRIBABLE = frozenset(
    {
        *("messages", "messaging_postbacks", "message_echoes", "message_deliveries"),
        *("message_reads", "messaging_policy_enforcement", "messaging_optins", "message_reactions"),
    }
)


@dataclass
class Identity:
    """The calls with which a page is connected."""

    faults: Faults
    delay: network.Delay
    app_secret: str = ""
    subscribed: dict[str, list[str]] = field(default_factory=dict)

    async def me(self, request: Request) -> Response:
        """GET /me?fields=id,name."""
        holder, refusal = await self._who(request)
        if holder is None:
            return refusal
        return JSONResponse({"id": holder.id, "name": holder.name}, headers=usage_headers("", 3))

    async def my_accounts(self, request: Request) -> Response:
        """GET /me/accounts: the pages of a person, in several answers."""
        holder, refusal = await self._who(request)
        if holder is None:
            return refusal
        if holder.kind != "USER":
            return bad_parameter("Tried accessing nonexisting field (accounts) on node type (Page)")
        if "pages_show_list" not in holder.scopes:
            return JSONResponse({"data": []})
        rows = accounts(holder)
        wanted = request.query_params
        limit = min(int(wanted.get("limit", ACCOUNTS_AT_ONCE)), ACCOUNTS_AT_ONCE)
        first = int(wanted.get("after") or 0)
        answer: dict[str, Any] = {"data": rows[first : first + limit]}
        answer["paging"] = {"cursors": {"before": str(first), "after": str(first + limit)}}
        if first + limit < len(rows):
            answer["paging"]["next"] = f"{request.url.path}?after={first + limit}"
        return JSONResponse(answer)

    async def my_permissions(self, request: Request) -> Response:
        """GET /me/permissions: only people have them."""
        holder, refusal = await self._who(request)
        if holder is None:
            return refusal
        if holder.kind != "USER":
            return bad_parameter(
                "Tried accessing nonexisting field (permissions) on node type (Page)"
            )
        rows = [{"permission": scope, "status": "granted"} for scope in holder.scopes]
        return JSONResponse({"data": rows})

    async def debug_token(self, request: Request) -> Response:
        """GET /debug_token?input_token=..., or POST with method=get."""
        _, refusal = await self._who(request, "inspect")
        if refusal.status_code != 200:
            return refusal
        parameters = await parameters_of(request)
        return JSONResponse(debugged(holder_of(str(parameters.get("input_token", "")))))

    async def subscribe(self, request: Request) -> Response:
        """POST /{page}/subscribed_apps?subscribed_fields=..."""
        holder, refusal = await self._who(request, "subscribe")
        if holder is None:
            return refusal
        page_id = request.path_params["page"]
        parameters = await parameters_of(request)
        fields = str(parameters.get("subscribed_fields", "")).split(",")
        if holder.id != page_id:
            return error("no-such-object")
        if "pages_manage_metadata" not in holder.scopes:
            return error("no-metadata-permission")
        if not set(fields) <= SUBSCRIBABLE:
            return bad_parameter("Param subscribed_fields has a value that is not one of its list")
        self.subscribed[page_id] = fields
        return JSONResponse({"success": True})

    async def subscriptions(self, request: Request) -> Response:
        """GET /{page}/subscribed_apps."""
        fields = self.subscribed.get(request.path_params["page"])
        rows = [{"id": "1", "subscribed_fields": fields}] if fields else []
        return JSONResponse({"data": rows})

    async def _who(self, request: Request, call: str = "connect") -> tuple[Holder | None, Response]:
        """The token's holder, or the answer that says why there is none."""
        parameters = await parameters_of(request)
        refusal = refuse_token(request, parameters, self.app_secret)
        if refusal is not None:
            return None, refusal
        fault = self.faults.take("facebook", call)
        await self.delay.wait()
        if fault is not None and fault.answer != "ok":
            return None, await played(request, fault)
        holder = holder_of(token_of(request, parameters))
        return holder, Response() if holder else error("token-invalid")


async def played(request: Request, fault: Fault) -> Response:
    """The fault as an answer; `slow` waits and then is no fault."""
    if fault.answer == "reset":
        return await network.reset(request)
    if fault.answer == "hang":
        return await network.hang(request)
    if fault.answer in network.PAGES:
        return network.PAGES[fault.answer]()
    return error(fault.answer)

"""This file is where the Graph API says who an app's user is on a page."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.sandbox.graph_errors import error
from local.sandbox.tokens import parameters_of, refuse_token

# Everybody's id for the app is this and their id for the page; Facebook's has no such order.
PREFIX = "10"


class AppUsers:
    """The edge between the two kinds of id."""

    def __init__(self, app_secret: str) -> None:
        self._app_secret = app_secret

    async def ids_for_pages(self, request: Request) -> Response:
        """GET /{app-scoped id}/ids_for_pages?page=..."""
        parameters = await parameters_of(request)
        refusal = refuse_token(request, parameters, self._app_secret)
        if refusal is not None:
            return refusal
        person = request.path_params["person"]
        if not person.startswith(PREFIX):
            return error("no-such-object")
        page = {"id": str(parameters.get("page", ""))}
        return JSONResponse({"data": [{"id": person.removeprefix(PREFIX), "page": page}]})

"""This file is where Plotly is served: packed once, and kept by browsers for as long as they like.

Its address carries its version and a digest (pages/_components/lazy_assets.py): it is never stale.
"""

import asyncio
import gzip
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

KEPT = "public, max-age=31536000, immutable"


class Bundle:
    """The scripts of one directory below assets."""

    def __init__(self, assets: Path, directory: str) -> None:
        self._scripts = {path.name: path for path in (assets / directory).glob("*.js")}
        self._packed: dict[str, bytes] = {}
        self.routes = [Route(f"/assets/{directory}/{{name}}", self._serve)]

    async def _serve(self, request: Request) -> Response:
        path = self._scripts.get(request.path_params["name"])
        if path is None:
            return Response(status_code=404)
        headers = {"Cache-Control": KEPT, "Vary": "Accept-Encoding"}
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(path.read_bytes(), media_type="text/javascript", headers=headers)
        if path.name not in self._packed:
            self._packed[path.name] = await asyncio.to_thread(_packed, path)
        headers["Content-Encoding"] = "gzip"
        return Response(self._packed[path.name], media_type="text/javascript", headers=headers)


def _packed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), 9)

"""Routes that check all parameters of a request in one go.

FastAPI describes a route by the signature of its endpoint, and checks each parameter by itself, which took longer than
the read. Here pydantic checks them together, as one model made of the very same signature.
"""

import inspect
from typing import Any, get_origin
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ValidationError, create_model
from starlette.types import Receive, Scope, Send


class CheckedRoute(APIRoute):
    """A GET whose endpoint takes the request, then parameters of the path, then of the query string; no dependencies."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        signature = inspect.signature(self.endpoint).parameters.values()
        asked = {one.name: one for one in signature if one.annotation is not Request}
        fields = {
            name: (one.annotation, ... if one.default is one.empty else one.default) for name, one in asked.items()
        }
        model = create_model(self.unique_id, **fields)  # type: ignore[call-overload]
        self.check = model.__pydantic_validator__.validate_python
        self.lists = {name for name, one in model.model_fields.items() if get_origin(one.annotation) is list}
        self.app = self.answer  # errors go to the handlers of the application

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends what the endpoint returns; raises `RequestValidationError` as FastAPI would."""
        given: dict[str, Any] = dict(scope["path_params"])
        for name, text in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
            if name in self.lists:
                given.setdefault(name, []).append(text)
            elif name not in scope["path_params"]:
                given[name] = text
        try:
            checked = vars(self.check(given))
        except ValidationError as error:
            raise RequestValidationError(error.errors()) from None
        response = await self.endpoint(Request(scope, receive, send), **checked)
        await response(scope, receive, send)

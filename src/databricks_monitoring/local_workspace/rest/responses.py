"""Errors as the real workspace gives them: routes raise SDK error classes, this module renders them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.errors.platform import ERROR_CODE_MAPPING, STATUS_CODE_MAPPING
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

logger = logging.getLogger(__name__)

_CODE_OF = {error: code for code, error in ERROR_CODE_MAPPING.items()}
_STATUS_OF = {error: status for status, error in STATUS_CODE_MAPPING.items()}
_DEFAULT_CODE = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "RESOURCE_CONFLICT",
    413: "BAD_REQUEST",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_ERROR",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def error_response(status: int, error_code: str, message: str) -> JSONResponse:
    """Return the JSON body every Databricks error has."""
    return JSONResponse({"error_code": error_code, "message": message}, status_code=status)


def status_and_code(error: DatabricksError) -> tuple[int, str]:
    """Return the HTTP status and the error code of an SDK error."""
    status = next((_STATUS_OF[cls] for cls in type(error).__mro__ if cls in _STATUS_OF), 500)
    code = error.error_code or _CODE_OF.get(type(error)) or _DEFAULT_CODE.get(status, "INTERNAL_ERROR")
    return status, code


def install(app: FastAPI) -> None:
    """Make `app` answer every failure with a Databricks error body."""

    @app.exception_handler(DatabricksError)
    async def _databricks(request: Request, error: DatabricksError) -> JSONResponse:  # noqa: ARG001
        status, code = status_and_code(error)
        return error_response(status, code, str(error))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:  # noqa: ARG001
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            reason, position = first["ctx"]["error"], first["loc"][-1]
            text = f"The body is not JSON: {reason} at character {position}."
            return error_response(400, "INVALID_PARAMETER_VALUE", text)
        where = ".".join(str(part) for part in first["loc"][1:]) or "request"
        return error_response(400, "INVALID_PARAMETER_VALUE", f"{where}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 404:  # noqa: PLR2004
            logger.warning("no route: %s %s", request.method, request.url.path)
            message = f"No API found for '{request.method} {request.url.path}'"
            return error_response(404, "ENDPOINT_NOT_FOUND", message)
        code = _DEFAULT_CODE.get(error.status_code, "INTERNAL_ERROR")
        return error_response(error.status_code, code, str(error.detail))

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> JSONResponse:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return error_response(500, "INTERNAL_ERROR", f"{type(error).__name__}: {error}")

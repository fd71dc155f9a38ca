"""Files of runs and logged models, and the signed URLs that reach them without a token.

A file lies below `mlflow/artifacts` under the path its URI has below `dbfs:/databricks/mlflow-tracking`:
`<experiment>/<run>/artifacts/...` or `<experiment>/logged_models/<model>/artifacts/...`.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from databricks.sdk.errors import InvalidParameterValue, NotFound, PermissionDenied

if TYPE_CHECKING:
    from pathlib import Path

URI_ROOT = "dbfs:/databricks/mlflow-tracking"
"""Where artifact URIs of this workspace begin; MLflow's client knows this prefix as access-controlled."""

SIGNED_PREFIX = "/api/local/artifact/"
"""Paths that a signature opens, so that they need no token."""

FILES_API_ROOT = "WorkspaceInternal/Mlflow/Artifacts"
"""The Files API's name of the same tree, which MLflow's client tries first."""

LOGGED_MODELS = "logged_models"
_FOLDER_OF = {"Runs": "", "LoggedModels": LOGGED_MODELS}

VALID_SECONDS = 3600


class Artifacts:
    """The artifact tree of one workspace.

    Parameters
    ----------
    root : Path
        The folder that holds the tree.
    url : str
        Base of the workspace's URLs.
    secret : str
        What signatures are made with; the workspace's token.
    """

    def __init__(self, root: Path, *, url: str, secret: str) -> None:
        self.root = root
        self._url = url.rstrip("/")
        self._key = hashlib.sha256(b"artifact signatures\n" + secret.encode()).digest()

    def relative(self, uri: str, path: str = "") -> str:
        """Return where `path` below an artifact URI lies in the tree."""
        if not uri.startswith(URI_ROOT + "/"):
            raise InvalidParameterValue(
                f"Artifact location: found {uri!r}, expected one below {URI_ROOT}. "
                "Files elsewhere are reached through the Files API."
            )
        return "/".join(part for part in (uri.removeprefix(URI_ROOT).strip("/"), path.strip("/")) if part)

    def path(self, relative: str) -> Path:
        """Return the file or folder of a path in the tree; refuses one that leads out of it."""
        pure = PurePosixPath(relative)
        if pure.is_absolute() or ".." in pure.parts or "\x00" in relative or "\\" in relative:
            raise InvalidParameterValue(f"Artifact path {relative!r}: expected a relative path without `..`.")
        found = self.root.joinpath(*pure.parts)
        # A link inside the tree must not lead out of it either.
        if not found.resolve().is_relative_to(self.root.resolve()):
            raise InvalidParameterValue(f"Artifact path {relative!r} leads out of the artifact store.")
        return found

    def files_api_path(self, path: str) -> Path:
        """Return the file or folder that the Files API calls `path`.

        Parameters
        ----------
        path : str
            `/WorkspaceInternal/Mlflow/Artifacts/<experiment>/Runs/<run>/...`, or `LoggedModels/<model>`.
        """
        experiment, _, rest = path.strip("/").removeprefix(FILES_API_ROOT).strip("/").partition("/")
        kind, _, below = rest.partition("/")
        if kind not in _FOLDER_OF or not below:
            known = " or ".join(f"/{FILES_API_ROOT}/<experiment>/{name}/<id>/..." for name in _FOLDER_OF)
            raise NotFound(f"No such file or directory: {path!r}. Artifacts are found under {known}.")
        return self.path("/".join(part for part in (experiment, _FOLDER_OF[kind], below) if part))

    def signed_url(self, method: str, relative: str) -> str:
        """Return a URL that answers `method` on one file for an hour."""
        self.path(relative)
        # Real time, not the workspace's: a rehearsal that moves the clock must not break running uploads.
        expires = str(int(time.time()) + VALID_SECONDS)
        query = urlencode({"expires": expires, "signature": self._signature(method, relative, expires)})
        return f"{self._url}{SIGNED_PREFIX}{quote(relative)}?{query}"

    def verified(self, method: str, relative: str, expires: str, signature: str) -> Path:
        """Return the file that a signed URL opens.

        Raises
        ------
        PermissionDenied
            If the signature is for another file, another method, or an earlier time.
        """
        if not hmac.compare_digest(self._signature(method, relative, expires).encode(), signature.encode()):
            raise PermissionDenied(
                f"The signature does not fit {method} on {relative!r}; ask for new credentials."
            )
        if int(expires) < time.time():
            raise PermissionDenied(f"The URL of {relative!r} has expired; ask for new credentials.")
        return self.path(relative)

    def _signature(self, method: str, relative: str, expires: str) -> str:
        return hmac.new(self._key, f"{method}\n{expires}\n{relative}".encode(), hashlib.sha256).hexdigest()

"""What pages load beside themselves: one style sheet, one script, and Vega with all it needs.

Nothing comes from a network: the drawing library is bundled from the one that renders pictures.
"""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING

from databricks.sdk.errors import NotFound

if TYPE_CHECKING:
    from pathlib import Path

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_SNIPPET = "window.vegaEmbed = vegaEmbed;"
_bundling = threading.Lock()


@cache
def static_files() -> dict[str, str]:
    """Return the names that pages link to, by the plain names of the files.

    A name carries a hash of the content, so a browser may keep it for good.
    """
    found = {}
    for entry in files("databricks_monitoring.local_workspace.pages").joinpath("static").iterdir():
        stem, _, suffix = entry.name.rpartition(".")
        digest = hashlib.sha256(entry.read_bytes()).hexdigest()[:12]
        found[entry.name] = f"{stem}.{digest}.{suffix}"
    found["vega.js"] = f"vega.{version('vl-convert-python')}.js"
    return found


def asset(name: str, cache_folder: Path) -> tuple[bytes, str]:
    """Return the content and the media type of an asset by its linked name.

    Raises
    ------
    NotFound
        If no page links to such a name.
    """
    plain = next((plain for plain, linked in static_files().items() if linked == name), None)
    if plain is None:
        raise NotFound(f"There is no asset {name!r}.")
    kind = _TYPES[plain[plain.rindex(".") :]]
    if plain == "vega.js":
        return _vega(cache_folder / name), kind
    return files("databricks_monitoring.local_workspace.pages").joinpath("static", plain).read_bytes(), kind


def _vega(cached: Path) -> bytes:
    """Return Vega, Vega-Lite and Vega-Embed as one script, bundled when first asked for."""
    with _bundling:
        if not cached.exists():
            import vl_convert  # noqa: PLC0415 - a large library that only this needs

            cached.parent.mkdir(parents=True, exist_ok=True)
            unfinished = cached.with_suffix(".part")
            unfinished.write_text(vl_convert.javascript_bundle(_SNIPPET), encoding="utf-8")
            unfinished.replace(cached)
    return cached.read_bytes()

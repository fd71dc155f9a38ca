"""The workspace's clock. Only a local workspace has these routes; production code never calls them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from databricks.sdk.errors import InvalidParameterValue
from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict

if TYPE_CHECKING:
    from databricks_monitoring.local_workspace.workspace import Workspace


class ClockChange(BaseModel):
    """One of: the moment to set, the seconds to advance, or a reset to real time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    now: AwareDatetime | None = None
    advance_seconds: float | None = None
    reset: bool = False


def router(workspace: Workspace) -> APIRouter:
    """Return the routes of the clock."""
    routes = APIRouter(prefix="/api/local/clock")
    clock = workspace.clock

    def shown(now: datetime) -> dict[str, object]:
        return {"now": now.isoformat(), "offset_seconds": clock.offset.total_seconds()}

    @routes.get("")
    def read() -> dict[str, object]:
        """Return the workspace's time and how far it is from real time."""
        return shown(clock.now())

    @routes.post("")
    def change(body: ClockChange) -> dict[str, object]:
        """Set, advance or reset the workspace's time."""
        wanted = [body.now is not None, body.advance_seconds is not None, body.reset]
        if sum(wanted) != 1:
            raise InvalidParameterValue("Give exactly one of now, advance_seconds and reset.")
        if body.now is not None:
            return shown(clock.set(body.now))
        if body.advance_seconds is not None:
            return shown(clock.advance(timedelta(seconds=body.advance_seconds)))
        return shown(clock.reset())

    return routes

"""Who a local workspace belongs to, and the number it goes by."""

from __future__ import annotations

USER_NAME = "local.user@example.com"
"""Owner of everything, `requester` of every request."""

WORKSPACE_ID = "1"
"""Id of the one workspace, as in the header `X-Databricks-Org-Id`."""

"""`python -m databricks_monitoring` is the command `databricks-monitoring`."""

from __future__ import annotations

import sys

from databricks_monitoring.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""Connections of one process share a database, and a process that was forked has one of its own."""

from __future__ import annotations

import subprocess
import sys

from databricks_monitoring.metrics.engines.duckdb import connect

FORKED = """
import os, sys
from databricks_monitoring.metrics.engines.duckdb import connect
query = "SELECT sum(i) FROM range(1000000) t(i)"
with connect() as connection:
    connection.sql(query).fetchall()
child = os.fork()
with connect() as connection:
    found = connection.sql(query).fetchall()
if child:
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))
sys.exit(0 if found == [(499999500000,)] else 1)
"""


def test_views_are_each_connection_s_own() -> None:
    with connect() as one, connect() as other:
        one.execute("CREATE TEMP VIEW v AS SELECT 1 AS n")
        other.execute("CREATE TEMP VIEW v AS SELECT 2 AS n")
        assert one.sql("SELECT n FROM v").fetchall() == [(1,)]
        assert other.sql("SELECT n FROM v").fetchall() == [(2,)]


def test_a_forked_process_computes_and_ends() -> None:
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=60)

"""One Sail and one PySpark for all tests of engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.engines import sessions

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def sail_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a Sail server."""
    with sessions.sail(tmp_path_factory.mktemp("sail")) as address:
        yield address


@pytest.fixture(scope="session")
def sail(sail_address: str) -> Iterator[Any]:
    """Return a session on Sail, which reads and writes Delta tables."""
    with sessions.session(sail_address) as spark:
        yield spark


@pytest.fixture(scope="session")
def pyspark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a session on PySpark in local mode, which has Parquet files and no Delta tables."""
    with sessions.pyspark(tmp_path_factory.mktemp("pyspark")) as address, sessions.session(address) as spark:
        yield spark

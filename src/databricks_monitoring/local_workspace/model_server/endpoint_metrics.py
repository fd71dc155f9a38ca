"""The numbers an endpoint exports, in Prometheus text."""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from databricks_monitoring.local_workspace.model_server.payload_log import PayloadLog

BUCKETS_MS = (1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0, 60000.0)
"""Upper bounds of the latency histogram, in milliseconds."""


class EntityCounters:
    """Requests of one served entity since the workspace started."""

    def __init__(self) -> None:
        self.requests = 0
        self.client_errors = 0
        self.server_errors = 0
        self.latency_ms = 0.0
        self.buckets = [0] * (len(BUCKETS_MS) + 1)

    def count(self, status: int, latency_ms: float) -> None:
        """Count one answered request."""
        self.requests += 1
        self.client_errors += 400 <= status < 500  # noqa: PLR2004 - the classes of HTTP
        self.server_errors += status >= 500  # noqa: PLR2004
        self.latency_ms += latency_ms
        self.buckets[bisect.bisect_left(BUCKETS_MS, latency_ms)] += 1


class ProcessUsage:
    """CPU and memory of a served entity's process."""

    def __init__(self) -> None:
        self._process: psutil.Process | None = None

    def read(self, pid: int | None) -> tuple[float, float]:
        """Return CPU (since the call before) and memory in percent of the machine; zeros without process."""
        if pid is None:
            return 0.0, 0.0
        try:
            if self._process is None or self._process.pid != pid:
                self._process = psutil.Process(pid)
            cpu = self._process.cpu_percent() / (psutil.cpu_count() or 1)
            return cpu, self._process.memory_percent()
        except psutil.NoSuchProcess:
            return 0.0, 0.0


def render(
    endpoint: str,
    entities: Mapping[str, tuple[EntityCounters, tuple[float, float], int]],
    log: PayloadLog | None,
) -> str:
    """Return the metrics of an endpoint: counters, (CPU, memory) and places of each served entity."""
    return "\n".join([*_entity_lines(endpoint, entities), *_log_lines(endpoint, log), "# EOF", ""])


def _family(name: str, kind: str, text: str, samples: Iterable[tuple[str, float]]) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        suffix, _, inside = labels.rpartition("|")
        yield f"{name}{suffix}{{{inside}}} {value:g}"


def _entity_lines(
    endpoint: str, entities: Mapping[str, tuple[EntityCounters, tuple[float, float], int]]
) -> Iterator[str]:
    def labels(entity: str) -> str:
        return f'endpoint_name="{endpoint}",served_entity_name="{entity}"'

    rows = [(labels(name), *row) for name, row in entities.items()]
    yield from _family(
        "cpu_usage_percentage", "gauge", "CPU of the process.", [(at, use[0]) for at, _, use, _ in rows]
    )
    yield from _family(
        "mem_usage_percentage", "gauge", "Memory of the process.", [(at, use[1]) for at, _, use, _ in rows]
    )
    yield from _family(
        "provisioned_concurrent_requests_total",
        "gauge",
        "Requests taken at a time.",
        [(at, float(places)) for at, _, _, places in rows],
    )
    for name, text, attribute in (
        ("request_count_total", "Requests answered.", "requests"),
        ("request_4xx_count_total", "Requests answered with 4xx.", "client_errors"),
        ("request_5xx_count_total", "Requests answered with 5xx.", "server_errors"),
    ):
        counts = [(at, float(getattr(counters, attribute))) for at, counters, _, _ in rows]
        yield from _family(name, "counter", text, counts)
    samples = [sample for at, counters, _, _ in rows for sample in _histogram(at, counters)]
    yield from _family("request_latency_ms", "histogram", "Time to the answer.", samples)


def _histogram(labels: str, counters: EntityCounters) -> Iterator[tuple[str, float]]:
    total = 0
    for bound, count in zip((*map(str, BUCKETS_MS), "+Inf"), counters.buckets, strict=True):
        total += count
        yield f'_bucket|{labels},le="{bound}"', float(total)
    yield f"_sum|{labels}", counters.latency_ms
    yield f"_count|{labels}", float(counters.requests)


def _log_lines(endpoint: str, log: PayloadLog | None) -> Iterator[str]:
    if log is None:
        return
    at = f'endpoint_name="{endpoint}",table="{log.table}"'
    for name, text, value in (
        ("refused_requests", "Requests answered 503 because they could not be recorded.", log.refused),
        ("damaged_records", "Records found damaged on the disk and kept aside.", log.damaged),
        ("failed_commits", "Commits that failed and are repeated.", log.failed_commits),
    ):
        yield from _family(f"inference_table_{name}_total", "counter", text, [(at, float(value))])

"""How many requests a second the model server answers, beside `mlflow models serve` and MLServer.

    python benchmarks/serving.py [--quick] [--only demo|plain] [--without-peers] [--seconds 2] [--rounds 3]

Two models (the demo's LightGBM pipeline, and LightGBM alone on 20 numbers), registered in a local workspace
as a user does it; every server loads the same files and has one worker. All answers are checked for their
status, the first ones for equality between servers. The servers run side by side and are asked in turn, so
that a slow minute slows all of them.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import serving_models
import serving_servers
from recording import Row, Section, at_least, at_most, figure, this_machine, write
from serving_load import Load, Target, ask, client_name, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from databricks.sdk import WorkspaceClient
    from serving_models import BenchmarkModel

    from databricks_monitoring.local_workspace.root_folder import ServerRecord

ROWS = (1, 100)
CONCURRENCIES = (1, 8, 32)
TOP = CONCURRENCIES[-1]
LOGGED, UNLOGGED, MLFLOW = "this, logging on", "this, logging off", "mlflow models serve"
INVOCATIONS, V2 = "MLServer, invocations", "MLServer, V2 and adaptive batching"
OURS = (LOGGED, UNLOGGED)
TIMES_MLFLOW, TIMES_MLSERVER, SHARE_WITH_LOG = 10.0, 1.5, 0.9
PACKAGES = ("mlflow", "lightgbm", "scikit-learn", "pandas", "uvicorn", "fastapi")
_WARM_UP_SECONDS = 1.0
_WAYS_TO_READ = {"demo": serving_models.MODEL, "plain": serving_models.PLAIN}


@dataclass(frozen=True)
class Given:
    """What to measure.

    Attributes
    ----------
    seconds
        For each measurement.
    rounds
        How often every server is measured where a target is decided, in turn.
    pairs
        How often logging on and off are measured one after the other.
    """

    models: tuple[str, ...]
    rows: tuple[int, ...]
    concurrencies: tuple[int, ...]
    seconds: float
    rounds: int
    pairs: int
    peers: bool

    @property
    def top(self) -> int:
        """The highest concurrency, at which rates are compared."""
        return max(self.concurrencies)

    @property
    def is_whole(self) -> bool:
        """Whether all is measured that the published figures have."""
        everything = (tuple(_WAYS_TO_READ.values()), ROWS, CONCURRENCIES)
        return self.peers and (self.models, self.rows, self.concurrencies) == everything


@dataclass(frozen=True)
class Server:
    """A server and how a request to it looks."""

    name: str
    request: Callable[[int], Target]
    predictions: Callable[[bytes], list[float]]


def main(argv: list[str] | None = None) -> int:
    """Measure, print, and write `results/serving.json`."""
    given = _given(argv)
    machine = this_machine(PACKAGES)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        with serving_servers.workspace(root / "workspace") as (record, client):
            models = serving_models.register(client, root / "models", given.models)
            sections = [_section(model, given, record, client, root) for model in models]
    if not given.is_whole:
        print("Not all was measured, so results/serving.json stays as it was.")
    else:
        write(
            "serving",
            title="Model server",
            order=20,
            command="python benchmarks/serving.py",
            machine=machine,
            sections=sections,
        )
    missed = [row.what for section in sections for row in section.rows if row.met is False]
    print(f"\nmissed: {'; '.join(missed) or 'nothing'}")
    return 0


def _given(argv: list[str] | None) -> Given:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one second each, concurrency 1 and 32 only")
    parser.add_argument("--only", choices=sorted(_WAYS_TO_READ), help="one of the models")
    parser.add_argument("--without-peers", action="store_true", help="this server alone")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS, help="rows in a request")
    parser.add_argument("--concurrency", type=int, nargs="+", default=CONCURRENCIES)
    parser.add_argument("--rounds", type=int, default=3, help="measurements that decide a target")
    parser.add_argument("--pairs", type=int, default=5, help="measurements with and without log")
    given = parser.parse_args(argv)
    return Given(
        models=(_WAYS_TO_READ[given.only],) if given.only else tuple(_WAYS_TO_READ.values()),
        rows=tuple(given.rows),
        concurrencies=(1, TOP) if given.quick else tuple(given.concurrency),
        seconds=1.0 if given.quick else given.seconds,
        rounds=1 if given.quick else given.rounds,
        pairs=1 if given.quick else given.pairs,
        peers=not given.without_peers,
    )


def _section(
    model: BenchmarkModel, given: Given, record: ServerRecord, client: WorkspaceClient, root: Path
) -> Section:
    """Measure every server with one model."""
    print(f"\n{model.name}", flush=True)
    with ExitStack() as running:
        servers = list(_ours(model, record, client))
        if given.peers:
            servers += _peers(model, root, running)
        found = {server.name: _agreeing(server, servers[0], given) for server in servers}
        loads = _all_loads([server for server in servers if found[server.name]], given)
        rows = list(_compared(loads, given))
        rows += [row for count in given.rows for row in _cost_of_log(servers, count, given)]
    left_out = [name for name, agrees in found.items() if not agrees]
    return Section(
        title=f"{model.name} ({len(model.columns)} columns)",
        description=_description(model, servers, left_out, given),
        rows=tuple(rows),
    )


def _ours(model: BenchmarkModel, record: ServerRecord, client: WorkspaceClient) -> Iterator[Server]:
    headers = {"Authorization": f"Bearer {record.token}"}
    for name, logged in ((LOGGED, True), (UNLOGGED, False)):
        endpoint = serving_servers.deploy(client, model, str(serving_models.SCHEMA), logged=logged)
        url = f"{record.url}/serving-endpoints/{endpoint}/invocations"
        yield Server(name, lambda rows, at=url: Target(at, model.request(rows), headers), _predictions)


def _peers(model: BenchmarkModel, root: Path, running: ExitStack) -> Iterator[Server]:
    log = root / f"{model.name}.log"
    mlflow = running.enter_context(serving_servers.mlflow_models_serve(model.folder, log))
    yield Server(MLFLOW, lambda rows: Target(mlflow, model.request(rows)), _predictions)
    try:
        serving_servers.mlserver_version()
    except serving_servers.MissingPeerError as error:
        print(error)
        return
    for name, batch in ((INVOCATIONS, 0), (V2, TOP)):
        folder = root / f"mlserver-{model.name}-{batch}"
        url = running.enter_context(serving_servers.mlserver(model, folder, log, batch_size=batch))
        if batch:
            at = f"{url}/v2/models/{model.name}/infer"
            yield Server(name, lambda rows, at=at: Target(at, model.v2_request(rows)), _v2_predictions)
        else:
            at = f"{url}/invocations"
            yield Server(name, lambda rows, at=at: Target(at, model.request(rows)), _predictions)


def _predictions(answer: bytes) -> list[float]:
    return [float(value) for value in json.loads(answer)["predictions"]]


def _v2_predictions(answer: bytes) -> list[float]:
    [output] = json.loads(answer)["outputs"]
    return [float(value) for value in output["data"]]


def _agreeing(server: Server, first: Server, given: Given) -> bool:
    """Say whether a server answers as the first one does; one that cannot answer at all is left out."""
    for count in given.rows:
        wanted = first.predictions(ask(first.request(count)))
        try:
            found = server.predictions(ask(server.request(count)))
        except RuntimeError as error:
            print(f"{server.name} cannot be compared: {error}")
            return False
        same = [math.isclose(*pair, rel_tol=1e-12) for pair in zip(found, wanted, strict=True)]
        if not all(same):
            raise RuntimeError(f"{server.name} answers {found[:3]}..., {first.name} {wanted[:3]}...")
    return True


def _all_loads(servers: list[Server], given: Given) -> dict[tuple[str, int, int], list[Load]]:
    """Measure every server; where a target is decided, several times in turn."""
    loads: dict[tuple[str, int, int], list[Load]] = {}
    for count in given.rows:
        for concurrency in given.concurrencies:
            rounds = given.rounds if concurrency in {1, given.top} else 1
            for number in range(rounds):
                # The order changes, so that a machine that becomes slower or faster favours nobody.
                for server in servers if number % 2 == 0 else reversed(servers):
                    load = _measured(server.request(count), concurrency, given, warm=number > 0)
                    loads.setdefault((server.name, count, concurrency), []).append(load)
            for server in servers:
                found = loads[server.name, count, concurrency]
                print(
                    f"{server.name:36} {count:3} rows, {concurrency:2} at a time: "
                    f"{_median(found, 'requests_per_second'):8.1f} requests/s, "
                    f"p50 {_median(found, 'p50_ms'):7.2f} ms, p99 {_median(found, 'p99_ms'):7.2f} ms",
                    flush=True,
                )
    return loads


def _median(loads: list[Load], attribute: Literal["requests_per_second", "p50_ms", "p99_ms"]) -> float:
    return statistics.median(getattr(load, attribute) for load in loads)


def _measured(target: Target, concurrency: int, given: Given, *, warm: bool = False) -> Load:
    if not warm:
        measure(target, concurrency=concurrency, seconds=min(_WARM_UP_SECONDS, given.seconds))
    load = measure(target, concurrency=concurrency, seconds=given.seconds)
    if load.failed:
        raise RuntimeError(f"{load.failed} of {load.requests} requests to {target.url} failed.")
    return load


def _compared(loads: dict[tuple[str, int, int], list[Load]], given: Given) -> Iterator[Row]:
    names = list(dict.fromkeys(name for name, _, _ in loads))
    for count in given.rows:
        rows = "1 row" if count == 1 else f"{count} rows"
        for concurrency in given.concurrencies:
            for name in names:
                found = loads[name, count, concurrency]
                what = f"{name}, {rows}, {concurrency} at a time"
                tails = f"p50 {_median(found, 'p50_ms'):.2f} ms, p99 {_median(found, 'p99_ms'):.2f} ms"
                rates = [load.requests_per_second for load in found]
                yield figure(what, rates, "requests/s", digits=1, note=tails)
        top = {name: loads[name, count, given.top] for name in names}
        if MLFLOW not in top or 1 not in given.concurrencies:
            continue
        what = f"{LOGGED}, over {MLFLOW}, {rows}, {given.top} at a time"
        ratio = figure(what, _ratios(top[LOGGED], top[MLFLOW], "requests_per_second"), "x", digits=2)
        yield at_least(ratio, TIMES_MLFLOW, f"at least {TIMES_MLFLOW:g} times")
        what = f"p50 of {LOGGED}, over p50 of {MLFLOW}, {rows}, 1 at a time"
        alone = [loads[name, count, 1] for name in (LOGGED, MLFLOW)]
        yield at_most(figure(what, _ratios(*alone, "p50_ms"), "x", digits=2), 1.0, "no worse")
        mlserver = [name for name in (INVOCATIONS, V2) if name in top]
        if mlserver:
            best = max(mlserver, key=lambda name: _median(top[name], "requests_per_second"))
            what = f"{LOGGED}, over the better MLServer, {rows}, {given.top} at a time"
            ratios = _ratios(top[LOGGED], top[best], "requests_per_second")
            ratio = figure(what, ratios, "x", digits=2, note=f"The better one: {best}.")
            yield at_least(ratio, TIMES_MLSERVER, f"at least {TIMES_MLSERVER:g} times")


def _ratios(
    ours: list[Load], theirs: list[Load], attribute: Literal["requests_per_second", "p50_ms"]
) -> list[float]:
    """Return one ratio for each round, whose measurements follow each other."""
    return [
        getattr(one, attribute) / getattr(other, attribute) for one, other in zip(ours, theirs, strict=True)
    ]


def _cost_of_log(servers: list[Server], count: int, given: Given) -> Iterator[Row]:
    """Measure with and without log in turn; the share of the pairs is compared, not their rates."""
    logged, unlogged = (next(one for one in servers if one.name == name) for name in OURS)
    shares = []
    for number in range(given.pairs):
        # The order changes, so that a machine that becomes slower or faster favours neither.
        order = (logged, unlogged) if number % 2 == 0 else (unlogged, logged)
        rates = {
            one.name: _measured(one.request(count), given.top, given, warm=number > 0).requests_per_second
            for one in order
        }
        shares.append(rates[LOGGED] / rates[UNLOGGED])
    rows = "1 row" if count == 1 else f"{count} rows"
    row = figure(f"requests/s with log over without, {rows}, {given.top} at a time", shares, "x", digits=3)
    each = ", ".join(f"{share:.3f}" for share in shares)
    print(f"with log over without, {rows}: {statistics.median(shares):.3f} of {each}", flush=True)
    yield at_least(row, SHARE_WITH_LOG, "the log costs at most 10 %")


def _description(model: BenchmarkModel, servers: list[Server], left_out: list[str], given: Given) -> str:
    sizes = ", ".join(f"{len(model.request(count)):,} bytes for {count}" for count in given.rows)
    said = [
        (
            f"The same request again and again by `{client_name()}` on connections that stay open, on the "
            f"same machine, {given.seconds:g} s each after {_WARM_UP_SECONDS:g} s of warm-up; where a target "
            "is decided, all servers in turn, several times, and the median counts. Rows go in "
            f"MLflow's split format ({sizes}); to MLServer's V2 route as one tensor a column. One worker "
            "process and one numeric thread each; MLServer with `parallel_workers: 0`. This server keeps "
            "every exchange in the inference table where logging is on, and commits it meanwhile."
        ),
    ]
    if any(server.name == MLFLOW for server in servers):
        said.append(
            f"`mlflow models serve` of MLflow {serving_servers.mlflow_version()} (FastAPI on uvicorn), "
            "`--env-manager local --workers 1`."
        )
    if any(server.name == INVOCATIONS for server in servers):
        said.append(
            f"MLServer {serving_servers.mlserver_version()} with mlserver-mlflow, asked at MLflow's own "
            f"`/invocations` route and, in a second process, at the V2 route with adaptive batching of {TOP} "
            "requests within 1 ms."
        )
    if left_out:
        said.append(f"Left out, because it answers this model with an error: {', '.join(left_out)}.")
    return " ".join(said)


if __name__ == "__main__":
    sys.exit(main())

"""The program of one served entity: loads its model, then answers frames until the workspace goes away.

Started by `supervisor` with one end of a Unix socket pair. Its standard output and error are the entity's
log.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from databricks_monitoring.local_workspace.model_server.frames import READY_ID, Frame, FrameReader, storable
from databricks_monitoring.local_workspace.model_server.garbage import set_aside
from databricks_monitoring.local_workspace.model_server.ready_requests import (
    BATCHES_AT_A_TIME,
    ROWS_FOR_A_THREAD,
    ReadyRequest,
    ReadyRequests,
    rows_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mlflow.pyfunc import PyFuncModel

    from databricks_monitoring.local_workspace.model_server.batching import Batcher
    from databricks_monitoring.local_workspace.model_server.scoring import Answer, Scorer

logger = logging.getLogger(__name__)

COMBINE_VARIABLE = "MODEL_SERVER_COMBINE_REQUESTS"
"""Environment variable of a served entity: `true` lets waiting requests to a custom model be combined,
`false` keeps those of any model apart."""

_SECONDS_BETWEEN_THREADS = 0.0005
"""How soon a busy thread lets another run, a tenth of Python's default: preparing a request takes less."""

_PR_SET_PDEATHSIG = 1
_CHUNK = 1 << 18


def die_with_parent(parent: int) -> None:
    """Ask the kernel to end this process with the one that started it, where the kernel can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the workspace ended before its worker began")


def combines(model: PyFuncModel, loaders: frozenset[str]) -> bool:
    """Say whether waiting requests to `model` may be predicted together."""
    wanted = os.environ.get(COMBINE_VARIABLE, "").strip().lower()
    if wanted in {"true", "false"}:
        return wanted == "true"
    flavor = model.metadata.flavors.get("python_function", {})
    return flavor.get("loader_module") in loaders


class Link:
    """The worker's end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = FrameReader()
        self._sending = threading.Lock()

    def send(self, *frames: Frame) -> None:
        """Send frames with one system call; may be called from several threads."""
        encoded = b"".join([frame.encode() for frame in frames])
        with self._sending:
            self._connection.sendall(encoded)

    def waiting(self, *, at_most: int) -> list[Frame] | None:
        """Wait for a frame, then return all that have arrived; None when the workspace is gone."""
        frames: list[Frame] = []
        while not frames or (len(frames) < at_most and self._has_more()):
            received = self._connection.recv(_CHUNK)
            if not received:
                return None
            frames.extend(self._reader.feed(received))
        return frames

    def _has_more(self) -> bool:
        return bool(select.select([self._connection], [], [], 0)[0])


def _answer_frame(request: Frame, answer: Answer, started: float) -> Frame:
    duration_ms = round((time.perf_counter() - started) * 1000)
    return Frame(
        request.id,
        {
            "status": answer.status,
            "duration_ms": duration_ms,
            "client_request_id": answer.client_request_id,
        },
        answer.body,
    )


def serve_together(link: Link, batcher: Batcher, concurrency: int) -> None:
    """Answer what waits as one batch, then what has come meanwhile, until the workspace is gone.

    A few rows are predicted by this thread, which reads. More of them, and what comes while they are
    predicted, are handed to others: the model often does not need the interpreter, which prepares the next
    ones meanwhile.
    """
    ready = ReadyRequests(at_most=concurrency)

    def answers(batch: list[ReadyRequest]) -> list[Frame]:
        started = time.perf_counter()
        found = batcher.answer([one.prepared for one in batch])
        return [_answer_frame(one.frame, answer, started) for one, answer in zip(batch, found, strict=True)]

    def take_and_answer() -> None:
        try:
            while True:
                batch = ready.take()
                frames = answers(batch)
                ready.done(batch)
                link.send(*frames)
        except BaseException:
            # A model may exit or exhaust memory; a thread that ends unseen would leave its requests waiting.
            logger.exception("the model ended its process")
            os._exit(1)

    sys.setswitchinterval(_SECONDS_BETWEEN_THREADS)
    for _ in range(BATCHES_AT_A_TIME):
        threading.Thread(target=take_and_answer, daemon=True).start()
    while (frames := link.waiting(at_most=concurrency)) is not None:
        for requests in _prepared(batcher, frames):
            if rows_of(requests) < ROWS_FOR_A_THREAD and ready.is_idle:
                link.send(*answers(requests))
            else:
                ready.put(requests)


def _prepared(batcher: Batcher, frames: list[Frame]) -> Iterator[list[ReadyRequest]]:
    """Yield requests as soon as they are worth a thread, and at last the others."""
    requests: list[ReadyRequest] = []
    for frame in frames:
        requests.append(ReadyRequest(frame, batcher.prepare(frame.body, frame.header["content_type"])))
        if rows_of(requests) >= ROWS_FOR_A_THREAD:
            yield requests
            requests = []
    if requests:
        yield requests


def serve_apart(link: Link, scorer: Scorer, concurrency: int) -> None:
    """Answer each request in a thread of its own, as MLflow's server does, until the workspace is gone."""

    def answer(frame: Frame) -> None:
        started = time.perf_counter()
        try:
            link.send(_answer_frame(frame, scorer.answer(frame.body, frame.header["content_type"]), started))
        except BaseException:
            # A model may exit or exhaust memory; a thread that ends unseen would leave its request waiting.
            logger.exception("the model ended its process")
            os._exit(1)

    threads = ThreadPoolExecutor(concurrency)
    while (frames := link.waiting(at_most=concurrency)) is not None:
        for frame in frames:
            threads.submit(answer, frame)


def _loaded(path: str) -> PyFuncModel:
    from mlflow.pyfunc import load_model  # noqa: PLC0415 - takes seconds: the parent's death comes first

    return load_model(path)


def _server(model: PyFuncModel, concurrency: int) -> Callable[[Link], None]:
    from databricks_monitoring.local_workspace.model_server.batching import (  # noqa: PLC0415 - as above
        ROW_WISE_LOADERS,
        Batcher,
    )
    from databricks_monitoring.local_workspace.model_server.scoring import Scorer  # noqa: PLC0415 - as above

    scorer = Scorer(model)
    if combines(model, ROW_WISE_LOADERS):
        return lambda link: serve_together(link, Batcher(scorer), concurrency)
    return lambda link: serve_apart(link, scorer, concurrency)


def main(argv: Sequence[str] | None = None) -> int:
    """Load the model, say so, answer until the other end closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    arguments = parser.parse_args(argv)
    die_with_parent(arguments.parent)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    link = Link(socket.socket(fileno=arguments.socket))
    # MLflow's own server sets it; some flavors behave differently when they serve.
    os.environ["_MLFLOW_IS_IN_SERVING_ENVIRONMENT"] = "true"
    try:
        serve = _server(_loaded(arguments.model), arguments.concurrency)
        set_aside()
    except BaseException as error:
        # Loading runs the model's own code, which may raise or exit in any way.
        logger.exception("the model could not be loaded")
        link.send(Frame(READY_ID, {"error": storable(f"{type(error).__name__}: {error}")}))
        return 1
    link.send(Frame(READY_ID, {}))
    serve(link)
    # Threads may still wait inside a model; nobody is left to answer.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())

"""The command `databricks-monitoring`.

Commands import what they need when they run: `--help` and `local status` answer at once, and the plain
install has no server.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from databricks_monitoring import __version__
from databricks_monitoring.errors import LocalWorkspaceError, MonitoringError, NotRunningError
from databricks_monitoring.local_workspace.listening import TOKEN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_monitoring.local_workspace.root_folder import ServerRecord


class EngineName(StrEnum):
    """Who computes a refresh."""

    duckdb = "duckdb"
    spark = "spark"


_TOKEN = re.compile(r"[!-~]{8,}")

app = typer.Typer(
    name="databricks-monitoring",
    help="Monitoring for models in production: whole on a laptop, unchanged on Databricks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
local = typer.Typer(
    help=(
        "The local workspace: a server on this machine that speaks Databricks' REST API, with everything it "
        "holds in one folder.\n\n"
        "Typical use:\n\n"
        "    databricks-monitoring local up --root ~/workspace --detach\n\n"
        '    eval "$(databricks-monitoring local env --root ~/workspace)"\n\n'
        "    databricks-monitoring local down --root ~/workspace"
    ),
    no_args_is_help=True,
)
app.add_typer(local, name="local")


def _folder(text: str) -> Path:
    # An unset variable would otherwise mean the current folder.
    if not text.strip():
        raise typer.BadParameter("expected the name of a folder, found nothing")
    return Path(text)


Root = Annotated[
    Path,
    typer.Option(
        "--root",
        parser=_folder,
        metavar="DIR",
        help="Folder of the workspace: its tables, models, files, settings.",
    ),
]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 1 failed, 2 wrong usage."""
    try:
        app(args=None if argv is None else list(argv), prog_name="databricks-monitoring")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    # The SDK's errors are OSErrors; importing them by name would cost a second.
    except (MonitoringError, OSError) as error:
        print(f"databricks-monitoring: {error}", file=sys.stderr)  # noqa: T201 - a command speaks
        return 1
    return 0


def console() -> None:
    """Run the command for a shell or a job, which takes any return for a success."""
    code = main()
    if code:
        raise SystemExit(code)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer passes it so
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    del version  # the callback has shown it


@app.command()
def demo(
    root: Annotated[
        Path,
        typer.Option(
            parser=_folder,
            metavar="DIR",
            help="Folder of the demo's workspace; a former demo in it is replaced.",
        ),
    ] = Path(".demo"),
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was found as JSON to this file.")
    ] = None,
    *,
    keep: Annotated[
        bool | None,
        typer.Option(
            "--keep/--no-keep",
            help="Whether the workspace keeps running afterwards.",
            show_default="asks on a terminal, else no",
        ),
    ] = None,
) -> None:
    """Tell the whole story on a local workspace: train, register, deploy, two weeks of traffic, drift, alert.

    Takes about a minute. It ends with what drifted since when, what it did to the model, which mail was sent,
    and the address of the page that shows it.

    Example: `databricks-monitoring demo --root .demo --report .demo/report.json`
    """
    _require_server()
    _require(("aiosmtpd", "lightgbm", "pandas", "sklearn"), needed_by="The demo", extra="local,demo")
    from rich.console import Console  # noqa: PLC0415

    from databricks_monitoring.demo.folder import check_own, fresh_root  # noqa: PLC0415
    from databricks_monitoring.demo.show import run  # noqa: PLC0415
    from databricks_monitoring.local_workspace import control  # noqa: PLC0415

    check_own(root)
    _stop_if_running(root)
    fresh_root(root)
    record = control.start(root, host="127.0.0.1", port=0, token=None)
    kept = False
    try:
        found = run(control.environment(root), root=root, console=Console(stderr=True))
        if report is not None:
            found.write(report)
            typer.echo(f"The report is in {report}.")
        typer.echo(f"The page: {found.dashboard_url}?token={record.token}")
        kept = keep if keep is not None else _wants_to_keep()
    finally:
        if not kept:
            control.stop(root)
    shown = shlex.quote(str(root))
    if kept:
        typer.echo(f"The workspace keeps running; `databricks-monitoring local down --root {shown}` ends it.")
    else:
        typer.echo(f"To see the page, start it again: databricks-monitoring local up --root {shown}")


@app.command()
def refresh(
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE",
            help="The monitored table: catalog.schema.table, or the folder of a Delta table.",
            show_default=False,
        ),
    ],
    definition: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="YAML file with what to compute and the tables beside TABLE.",
            show_default="the workspace's monitor of TABLE",
        ),
    ] = None,
    engine: Annotated[
        EngineName,
        typer.Option(help="Who computes: this machine over folders, or a Spark session's workers."),
    ] = EngineName.duckdb,
    remote: Annotated[
        str | None,
        typer.Option(
            metavar="sc://HOST:PORT",
            help="Spark Connect server; for --engine spark.",
            show_default="the session that is there, as in a job on Databricks",
        ),
    ] = None,
) -> None:
    """Bring the metric tables of a monitor up to date: only windows that changed, then the drift of those.

    Without `--definition` the workspace of `DATABRICKS_HOST` is asked for its monitor of TABLE. A file looks
    like this; profile and drift tables are beside TABLE unless it names them:

        kind: time_series

        timestamp_column: at

        granularities: [1 day]

        baseline_table: main.churn.training

    A second refresh of unchanged tables says that nothing had changed.

    Example: `databricks-monitoring refresh main.churn.inferences --engine spark --remote sc://host:15002`
    """
    from databricks_monitoring import refresh_command  # noqa: PLC0415

    if remote is not None and engine is not EngineName.spark:
        raise typer.BadParameter("is for --engine spark", param_hint="--remote")
    if definition is None:
        monitored = refresh_command.from_workspace(table)
    else:
        monitored = refresh_command.from_file(table, definition)
    if engine is EngineName.spark:
        report = refresh_command.on_spark(monitored, remote)
    else:
        report = refresh_command.on_one_machine(monitored)
    typer.echo(report.message)
    typer.echo(f"profile  {monitored.profile}  {report.profile_rows} rows written")
    typer.echo(f"drift    {monitored.drift}  {report.drift_rows} rows written")


def _wants_to_keep() -> bool:
    return sys.stdin.isatty() and typer.confirm(
        "Keep the workspace running, to look at the page?", default=True
    )


def _stop_if_running(root: Path) -> None:
    from databricks_monitoring.local_workspace import control  # noqa: PLC0415

    try:
        control.stop(root)
    except NotRunningError:
        return


@local.command()
def up(
    root: Root,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port to listen on; 0 takes any free one.",
            show_default="the one of last time, at first 8765",
        ),
    ] = None,
    bind: Annotated[
        str,
        typer.Option(
            metavar="ADDR", help="Address to listen on. Any but loopback lets others in, and demands --token."
        ),
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            envvar=TOKEN_VARIABLE,
            help="Token that clients must show, at least 8 characters.",
            show_default="the one of last time, at first a random one",
        ),
    ] = None,
    *,
    detach: Annotated[
        bool, typer.Option("--detach", help="Start in the background, and return once the server answers.")
    ] = False,
) -> None:
    """Serve the workspace in a folder, until Ctrl+C or `local down`.

    Everything is kept in the folder: start it again and the tables, models, URL and token are the same.

    Example: `databricks-monitoring local up --root ~/workspace --detach`
    """
    from databricks_monitoring.local_workspace import control  # noqa: PLC0415
    from databricks_monitoring.local_workspace.listening import is_loopback  # noqa: PLC0415

    if token is not None and not _TOKEN.fullmatch(token):
        raise typer.BadParameter("expected at least 8 characters without spaces", param_hint="--token")
    if token is None and not is_loopback(bind):
        raise typer.BadParameter(
            f"{bind} can be reached by others: choose the token yourself with --token", param_hint="--bind"
        )
    _require_server()
    if detach:
        _show_started(root, control.start(root, host=bind, port=port, token=token), detached=True)
    else:
        _serve(root, bind, port, token)


def _serve(root: Path, bind: str, port: int | None, token: str | None) -> None:
    import logging  # noqa: PLC0415
    import threading  # noqa: PLC0415

    from databricks_monitoring.local_workspace import control  # noqa: PLC0415

    # Before the import that takes seconds.
    control.check_free(root, bind, port)
    from databricks_monitoring.local_workspace.server import serve  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    serve(
        root,
        host=bind,
        port=port,
        token=token,
        started=lambda record: _show_started(root, record, detached=False),
    )
    if any(thread.daemon for thread in threading.enumerate()):
        # Everything is closed. What is left is an import that nobody waits for, over which an exit stumbles.
        logging.shutdown()
        os._exit(0)


@local.command()
def down(root: Root) -> None:
    """End the server of a folder, and wait until it has.

    Example: `databricks-monitoring local down --root ~/workspace`
    """
    from databricks_monitoring.local_workspace import control  # noqa: PLC0415

    pid = control.stop(root)
    typer.echo(f"Process {pid} has ended. Everything is kept in {root}.")


@local.command()
def status(root: Root) -> None:
    """Say whether a folder is served, where, and since when: exit code 0 if it is, 1 if not.

    Example: `databricks-monitoring local status --root ~/workspace`
    """
    from databricks_monitoring.local_workspace import control  # noqa: PLC0415

    found = control.status(root)
    typer.echo(f"url             {found.record.url}")
    typer.echo(f"pid             {found.pid}")
    typer.echo(f"uptime          {timedelta(seconds=round(found.uptime.total_seconds()))}")
    typer.echo(f"root            {found.root}")
    typer.echo(f"workspace time  {found.now.isoformat(timespec='seconds')}")


@local.command()
def env(root: Root) -> None:
    """Print the variables with which Databricks clients reach a running workspace, for `eval`.

    Example: `eval "$(databricks-monitoring local env --root ~/workspace)"`
    """
    from databricks_monitoring.local_workspace import control  # noqa: PLC0415

    for name, value in control.environment(root).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def _show_started(root: Path, record: ServerRecord, *, detached: bool) -> None:
    shown = shlex.quote(str(root))
    typer.echo(f"Local workspace in {root}")
    typer.echo(f"  host   {record.url}")
    typer.echo(f"  token  {record.token}")
    typer.echo(f"  pages  {record.url}/?token={record.token}")
    typer.echo(f'  use    eval "$(databricks-monitoring local env --root {shown})"')
    typer.echo("  stop   " + (f"databricks-monitoring local down --root {shown}" if detached else "Ctrl+C"))
    sys.stdout.flush()


def _require_server() -> None:
    modules = ("deltalake", "duckdb", "fastapi", "uvicorn")
    _require(modules, needed_by="The local workspace", extra="local")


def _require(modules: Sequence[str], *, needed_by: str, extra: str) -> None:
    from importlib.util import find_spec  # noqa: PLC0415

    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise LocalWorkspaceError(
            f"{needed_by} needs {', '.join(missing)}, which the plain install leaves out. "
            f"Install databricks_monitoring[{extra}]."
        )

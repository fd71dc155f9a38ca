"""whylogs: a profile of every day; no drift."""

from __future__ import annotations

import warnings

from timing import frames, report, seconds_of

warnings.filterwarnings("ignore")

import whylogs  # noqa: E402 - its import warns


def main() -> None:
    """Time the profiles of all days."""
    log, _, numbers, categories = frames(whylogs.__name__)
    columns = [*numbers, *categories]
    days = [part[columns] for _, part in log.groupby(log["timestamp"].dt.floor("D"))]
    report(seconds_of(lambda: [whylogs.log(pandas=day).view() for day in days]))


if __name__ == "__main__":
    main()

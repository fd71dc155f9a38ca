"""NannyML: univariate drift of every column, KS + Wasserstein + JS and chi2 + JS, in daily chunks."""

from __future__ import annotations

import warnings

import pandas as pd
from timing import frames, report, seconds_of

warnings.filterwarnings("ignore")

import nannyml  # noqa: E402 - its import warns
from nannyml.chunk import PeriodBasedChunker  # noqa: E402


def main() -> None:
    """Time fit on the baseline and calculate over the log."""
    log, baseline, numbers, categories = frames(nannyml.__name__)
    for name in categories:
        log[name], baseline[name] = log[name].astype("category"), baseline[name].astype("category")
    # Its reference needs times of its own; any will do.
    baseline["timestamp"] = pd.date_range("2026-07-01", periods=len(baseline), freq="s")
    log["timestamp"] = log["timestamp"].dt.tz_localize(None)

    def work() -> object:
        calculator = nannyml.UnivariateDriftCalculator(
            column_names=[*numbers, *categories],
            timestamp_column_name="timestamp",
            continuous_methods=["kolmogorov_smirnov", "wasserstein", "jensen_shannon"],
            categorical_methods=["chi2", "jensen_shannon"],
            chunker=PeriodBasedChunker("timestamp", offset="D"),
        )
        return calculator.fit(baseline).calculate(log)

    taken = seconds_of(work)
    report(taken)


if __name__ == "__main__":
    main()

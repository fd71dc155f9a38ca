"""Evidently: its data drift preset for every day against the baseline, one report a day."""

from __future__ import annotations

import warnings

from timing import frames, report, seconds_of

warnings.filterwarnings("ignore")

import evidently  # noqa: E402 - its import warns
from evidently import DataDefinition, Dataset, Report  # noqa: E402
from evidently.presets import DataDriftPreset  # noqa: E402


def main() -> None:
    """Time a loop over the days."""
    log, baseline, numbers, categories = frames(evidently.__name__)
    columns = [*numbers, *categories]
    defined = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    reference = Dataset.from_pandas(baseline[columns], data_definition=defined)
    days = [part[columns] for _, part in log.groupby(log["timestamp"].dt.floor("D"))]

    def work() -> object:
        found = []
        for day in days:
            current = Dataset.from_pandas(day, data_definition=defined)
            found.append(Report([DataDriftPreset()]).run(current, reference).dict())
        return found

    report(seconds_of(work))


if __name__ == "__main__":
    main()

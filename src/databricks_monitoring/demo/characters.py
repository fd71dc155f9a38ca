"""A synthetic data set of comic characters and who of them is alive.

Made by code from a seed, so every run tells the same story. There is structure to learn (strength,
universe, magic, teams), missing values, rare categories, and one thing a model trained on it cannot know:
characters of the younger universes follow other rules, and there are few of them to learn from. When those
universes grow, accuracy falls for a reason that can be found in the drift.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

FEATURES = (
    "Height",
    "Weight",
    "Universe",
    "Identity",
    "Gender",
    "Marital_Status",
    "Teams",
    "Origin",
    "Magic",
    "Mutant",
)
TARGET = "Alive"

_UNIVERSES = {
    "Earth-616": 0.62,
    "Earth-199999": 0.13,
    "Earth-295": 0.08,
    "Earth-92131": 0.06,
    "Earth-1610": 0.04,
    "Earth-65": 0.03,
    "Earth-928": 0.025,
    "Earth-2099": 0.01,
    "Earth-8311": 0.005,
}
_YOUNG_UNIVERSES = ("Earth-1610", "Earth-65", "Earth-928")
_IDENTITIES = {"Secret": 0.48, "Public": 0.34, "No Dual": 0.14, "Known to Authorities": 0.04}
_GENDERS = {"Male": 0.66, "Female": 0.31, "Genderfluid": 0.02, "Agender": 0.01}
_MARITAL = {"Single": 0.58, "Married": 0.22, "Widowed": 0.08, "Divorced": 0.07, "Separated": 0.05}
_ORIGINS = {
    "Human": 0.52,
    "Mutate": 0.2,
    "Alien": 0.14,
    "Cyborg": 0.06,
    "God": 0.04,
    "Symbiote": 0.03,
    "Clone": 0.01,
}

_MISSING = {
    "Height": 0.04,
    "Weight": 0.05,
    "Identity": 0.06,
    "Gender": 0.02,
    "Marital_Status": 0.12,
    "Origin": 0.03,
}


@dataclass(frozen=True)
class Population:
    """What characters look like; the default is what the model was trained on.

    Parameters
    ----------
    weight_shift_kg
        Added to every weight.
    universes
        Share of each universe, by name.
    """

    weight_shift_kg: float = 0.0
    universes: dict[str, float] = field(default_factory=lambda: dict(_UNIVERSES))


TRAINED_ON = Population()

DRIFTED = Population(
    weight_shift_kg=16.0,
    universes={
        **{name: share * 0.62 for name, share in _UNIVERSES.items() if name not in _YOUNG_UNIVERSES},
        "Earth-1610": 0.25,
        "Earth-65": 0.12,
        "Earth-928": 1.0 - 0.37 - 0.62 * 0.905,
    },
)
"""Heavier characters, and many more from the young universes; every other column stays as it was."""


def _pick(rng: np.random.Generator, shares: dict[str, float], rows: int) -> np.ndarray:
    weights = np.array(list(shares.values()))
    return rng.choice(np.array(list(shares), dtype=object), size=rows, p=weights / weights.sum())


def make_characters(rows: int, *, seed: int, population: Population = TRAINED_ON) -> pd.DataFrame:
    """Return `rows` characters with their features and whether they are alive.

    Height is in metres, Weight in kilograms, Teams counts memberships, Magic and Mutant are booleans, Alive
    is 0 or 1. Columns other than Alive, Magic, Mutant, Teams and Universe have missing values.
    """
    rng = np.random.default_rng(seed)
    gender = _pick(rng, _GENDERS, rows)
    height = rng.normal(np.where(gender == "Female", 1.70, 1.82), 0.09, rows)
    giants = rng.random(rows) < 0.02  # noqa: PLR2004 - a long right tail
    height = np.where(giants, height + rng.exponential(0.6, rows), height)
    weight = 24.0 * height**2 * rng.lognormal(0.0, 0.14, rows) + population.weight_shift_kg
    frame = pd.DataFrame(
        {
            "Height": np.round(height, 2),
            "Weight": np.round(weight, 1),
            "Universe": _pick(rng, population.universes, rows),
            "Identity": _pick(rng, _IDENTITIES, rows),
            "Gender": gender,
            "Marital_Status": _pick(rng, _MARITAL, rows),
            "Teams": rng.poisson(1.3, rows).astype(np.int64),
            "Origin": _pick(rng, _ORIGINS, rows),
            "Magic": rng.random(rows) < 0.17,  # noqa: PLR2004 - shares of the data set
            "Mutant": rng.random(rows) < 0.28,  # noqa: PLR2004
        }
    )
    frame[TARGET] = _alive(frame, rng)
    for column, share in _MISSING.items():
        frame[column] = frame[column].mask(rng.random(rows) < share)
    return frame


def _alive(frame: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Draw who is alive from the complete features."""
    young = frame["Universe"].isin(_YOUNG_UNIVERSES).to_numpy()
    log_odds = (
        0.9
        + 1.6 * frame["Magic"].to_numpy()
        - 1.4 * frame["Mutant"].to_numpy()
        + 0.7 * np.minimum(frame["Teams"].to_numpy(), 4)
        - 1.5 * (frame["Universe"] == "Earth-295").to_numpy()
        - 0.06 * (frame["Weight"].to_numpy() - 78.0)
        + 1.1 * (frame["Identity"] == "Secret").to_numpy()
        - 1.6 * (frame["Marital_Status"] == "Widowed").to_numpy()
        + 2.0 * (frame["Origin"] == "God").to_numpy()
        - 1.2 * (frame["Origin"] == "Clone").to_numpy()
    )
    # The young universes turn the rules around, and how heavy one is does not matter there.
    log_odds = np.where(young, 1.2 - 0.9 * log_odds, log_odds)
    alive: np.ndarray = rng.random(len(frame)) < 1 / (1 + np.exp(-1.5 * log_odds))
    return alive.astype(np.int64)

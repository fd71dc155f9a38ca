"""What lives as long as the process is no business of the garbage collector.

MLflow, scikit-learn and what they import are hundreds of thousands of objects. A full collection looks at
each of them, which takes a third of a second in which nothing is answered; under load there would be one
every few seconds.
"""

from __future__ import annotations

import gc


def set_aside() -> None:
    """Keep the collector from all objects there are, for good; what is garbage already is collected first.

    Objects are freed as before when nothing refers to them. Only those in cycles stay if they become garbage
    later: call this when something was loaded, not again and again.
    """
    gc.collect()
    gc.freeze()

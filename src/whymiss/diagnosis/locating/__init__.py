"""Where the evidence that a person gives stands in the corpus.

`locate` reads what was given, `likely_places` searches for what resembles it, `choosing` says
whether one place is plain enough to be taken.
"""

from whymiss.diagnosis.locating.locate import Given, Located, locate

__all__ = ["Given", "Located", "locate"]

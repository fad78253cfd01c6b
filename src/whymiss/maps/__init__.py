"""The embedding map of an index: points, labels, questions and what changed, as data."""

"""Why one chunk outranks another: exact parts of every score, and of the margin between two."""

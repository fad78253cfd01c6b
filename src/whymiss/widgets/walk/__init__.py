"""The wrong-answer walk: from an answer to its cause and a repair."""

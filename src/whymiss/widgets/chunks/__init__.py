"""The chunk browser: a document with the borders of its chunks."""

"""The map panel: the embedding map to look around in."""

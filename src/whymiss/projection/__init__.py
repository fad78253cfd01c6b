"""Vectors to a plane that holds still: frozen atoms, places among neighbours, distortion."""

"""Panels for notebooks; the only room that knows ipywidgets, anywidget and IPython."""

"""What all panels share: the surface that shows them, controls, the panel itself."""

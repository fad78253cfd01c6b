"""The live retrieval panel: knobs on one side, what is retrieved on the other."""

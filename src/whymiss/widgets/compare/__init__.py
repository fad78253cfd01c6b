"""The compare panel: two pipelines, question by question."""

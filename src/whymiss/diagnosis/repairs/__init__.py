"""Repairs: what to change, whether it rescues the question, what it does to all others."""

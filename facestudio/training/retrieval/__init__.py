"""Trains the networks of retrieval."""

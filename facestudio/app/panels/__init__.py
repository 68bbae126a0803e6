"""Docks and the strips above the two views."""

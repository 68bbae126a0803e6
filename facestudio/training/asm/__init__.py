"""Trains the Active Shape Model: annotated photos, their augmentation, the local experts."""

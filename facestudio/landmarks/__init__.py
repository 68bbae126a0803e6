"""Finds faces and their landmarks: detector, 478-point mesh, schemes, files."""

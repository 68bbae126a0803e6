"""The 3D view of the head."""

"""facestudio: one photo of a face becomes a complete, textured, closed 3D head."""

__version__ = "0.1.0"

"""Writing heads to files (OBJ, GLB, PLY, STL, USD and the report) and reading them back."""

from facestudio.export.outputs import FORMATS, check_outputs
from facestudio.export.read import load_head_mesh
from facestudio.export.write import export_head

__all__ = ["FORMATS", "check_outputs", "export_head", "load_head_mesh"]

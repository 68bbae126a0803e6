"""Wavefront OBJ and MTL: quads, UVs and normals, a material for each part, one texture for all."""

import numpy as np

from facestudio.export.mesh import ExportMesh, Units

# Coordinates are exact to 0.1 micrometre in any unit.
_DECIMALS: dict[Units, int] = {"mm": 4, "cm": 5, "m": 7}

# Diffuse colour without a texture, specular, shininess.
_LOOKS: dict[str, tuple[tuple[float, float, float], float, float]] = {
    "skin": ((0.80, 0.62, 0.53), 0.10, 20),
    "mouth": ((0.55, 0.25, 0.24), 0.25, 60),
    "eyes": ((0.92, 0.90, 0.88), 0.60, 300),
    "teeth": ((0.90, 0.87, 0.80), 0.40, 120),
    "tongue": ((0.70, 0.38, 0.36), 0.25, 60),
}
_PLAIN = ((0.8, 0.8, 0.8), 0.1, 20.0)


def obj_text(mesh: ExportMesh, name: str, units: Units, *, comment: str = "") -> str:
    """Return the text of an OBJ file.

    Parameters
    ----------
    mesh
        In `units`.
    name
        Of the object; the material library is NAME.mtl.
    units
        Decides how many decimals are written.
    comment
        For the first line.
    """
    topo = mesh.topology
    decimals = _DECIMALS[units]
    parts = [
        f"# {comment}\n# unit: {units}; +Y up, +Z out of the face\nmtllib {name}.mtl\no {name}\n",
        _rows("v", mesh.vertices, decimals),
        _rows("vt", topo.uvs, 7),
        _rows("vn", mesh.normals, 5),
        "s 1\n",
    ]
    for number, material in enumerate(mesh.materials):
        members = topo.quad_material == number
        quads, uvs = topo.quads[members] + 1, topo.quad_uvs[members] + 1
        corners = np.stack([quads, uvs, quads], axis=2).reshape(-1, 12)
        line = "f" + " %d/%d/%d" * 4 + "\n"
        parts.append(f"g {material}\nusemtl {material}\n")
        parts.append(line * len(corners) % tuple(corners.ravel().tolist()))
    return "".join(parts)


def _rows(keyword: str, array: np.ndarray, decimals: int) -> str:
    # Adding zero turns -0.0 into 0.0.
    values = (np.round(array, decimals) + 0.0).ravel().tolist()
    return (f"{keyword}" + f" %.{decimals}f" * array.shape[1] + "\n") * len(array) % tuple(values)


def mtl_text(mesh: ExportMesh, texture_file: str | None) -> str:
    """Return the text of the MTL file; `texture_file` lies beside it, None for plain colours."""
    blocks: list[str] = []
    for material in mesh.materials:
        colour, specular, shininess = _LOOKS.get(material, _PLAIN)
        diffuse = (1.0, 1.0, 1.0) if texture_file else colour
        lines = [
            f"newmtl {material}",
            "Ka 0 0 0",
            "Kd {:.3f} {:.3f} {:.3f}".format(*diffuse),
            f"Ks {specular:.3f} {specular:.3f} {specular:.3f}",
            f"Ns {shininess:.0f}",
            "d 1",
            "illum 2",
        ]
        if texture_file:
            lines.append(f"map_Kd {texture_file}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)

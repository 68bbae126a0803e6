"""Universal Scene Description, with the optional package usd-core: quads, UVs, a material for each part."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from facestudio.errors import UsageError
from facestudio.export.mesh import PER_MM, ExportMesh, Units

_ROUGHNESS = {"skin": 0.55, "mouth": 0.35, "eyes": 0.12, "teeth": 0.25, "tongue": 0.4}


def write_usd(path: Path, mesh: ExportMesh, units: Units, texture_file: str | None) -> None:
    """Write a binary USD file (.usdc).

    Parameters
    ----------
    path
        The file.
    mesh
        In `units`.
    units
        Written as metersPerUnit.
    texture_file
        Name of the texture beside it, or None.

    Raises
    ------
    UsageError
        If usd-core is not installed.
    """
    try:
        gf, sdf, usd, geom, shade, vt = (
            import_module(f"pxr.{module}") for module in ("Gf", "Sdf", "Usd", "UsdGeom", "UsdShade", "Vt")
        )
    except ImportError as error:
        raise UsageError(
            "Writing USD needs the package usd-core", hint='pip install "facestudio[usd]"'
        ) from error
    topo = mesh.topology
    stage: Any = usd.Stage.CreateNew(str(path))
    geom.SetStageUpAxis(stage, geom.Tokens.y)
    geom.SetStageMetersPerUnit(stage, 0.001 / PER_MM[units])
    root = geom.Xform.Define(stage, "/head")
    stage.SetDefaultPrim(root.GetPrim())
    shape: Any = geom.Mesh.Define(stage, "/head/mesh")
    shape.CreatePointsAttr(vt.Vec3fArray.FromNumpy(mesh.vertices.astype(np.float32)))
    shape.CreateNormalsAttr(vt.Vec3fArray.FromNumpy(mesh.normals.astype(np.float32)))
    shape.SetNormalsInterpolation(geom.Tokens.vertex)
    shape.CreateFaceVertexCountsAttr(vt.IntArray.FromNumpy(np.full(len(topo.quads), 4, dtype=np.int32)))
    shape.CreateFaceVertexIndicesAttr(vt.IntArray.FromNumpy(topo.quads.ravel().astype(np.int32)))
    shape.CreateSubdivisionSchemeAttr(geom.Tokens.none)
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    shape.CreateExtentAttr([gf.Vec3f(*map(float, low)), gf.Vec3f(*map(float, high))])
    uvs = geom.PrimvarsAPI(shape).CreatePrimvar(
        "st", sdf.ValueTypeNames.TexCoord2fArray, geom.Tokens.faceVarying
    )
    uvs.Set(vt.Vec2fArray.FromNumpy(topo.uvs.astype(np.float32)))
    uvs.SetIndices(vt.IntArray.FromNumpy(topo.quad_uvs.ravel().astype(np.int32)))
    binding: Any = shade.MaterialBindingAPI.Apply(shape.GetPrim())
    for number, name in enumerate(mesh.materials):
        members = np.flatnonzero(topo.quad_material == number).astype(np.int32)
        subset = binding.CreateMaterialBindSubset(name, vt.IntArray.FromNumpy(members))
        material = _material(stage, name, texture_file, sdf, shade)
        shade.MaterialBindingAPI.Apply(subset.GetPrim()).Bind(material)
    binding.SetMaterialBindSubsetsFamilyType(geom.Tokens.partition)
    try:
        saved = stage.GetRootLayer().Save()
    except RuntimeError as error:  # what USD's own errors are in Python
        raise OSError(f"USD cannot save the file: {str(error).strip()}") from error
    if not saved:
        raise OSError("USD cannot save the file")


def _material(stage: Any, name: str, texture_file: str | None, sdf: Any, shade: Any) -> Any:
    path = f"/head/materials/{name}"
    material = shade.Material.Define(stage, path)
    surface = shade.Shader.Define(stage, f"{path}/surface")
    surface.CreateIdAttr("UsdPreviewSurface")
    surface.CreateInput("roughness", sdf.ValueTypeNames.Float).Set(_ROUGHNESS.get(name, 0.6))
    colour = surface.CreateInput("diffuseColor", sdf.ValueTypeNames.Color3f)
    if texture_file is None:
        colour.Set((0.6, 0.5, 0.45))
    else:
        reader = shade.Shader.Define(stage, f"{path}/uv")
        reader.CreateIdAttr("UsdPrimvarReader_float2")
        reader.CreateInput("varname", sdf.ValueTypeNames.String).Set("st")
        picture = shade.Shader.Define(stage, f"{path}/texture")
        picture.CreateIdAttr("UsdUVTexture")
        picture.CreateInput("file", sdf.ValueTypeNames.Asset).Set(f"./{texture_file}")
        picture.CreateInput("sourceColorSpace", sdf.ValueTypeNames.Token).Set("sRGB")
        picture.CreateInput("st", sdf.ValueTypeNames.Float2).ConnectToSource(
            reader.ConnectableAPI(), "result"
        )
        picture.CreateOutput("rgb", sdf.ValueTypeNames.Float3)
        colour.ConnectToSource(picture.ConnectableAPI(), "rgb")
    material.CreateSurfaceOutput().ConnectToSource(surface.ConnectableAPI(), "surface")
    return material

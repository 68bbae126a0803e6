"""The studio head: quads, UVs, materials, ARKit shapes, point maps, subdivision."""

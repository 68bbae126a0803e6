"""Pure geometry: cameras, mesh maths, Procrustes, and a z-buffer rasteriser on the CPU."""

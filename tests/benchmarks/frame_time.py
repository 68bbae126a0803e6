"""Measures how long OpenGL takes for one frame of the 3D view; a script that reports, not a test.

    python tests/benchmarks/frame_time.py [--size 1280x960] [--level 2] [--frames 40]

Milliseconds of a frame while the head turns, without a window: median, and CPU time a frame (all threads).
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from facestudio.database.model import load_database
from facestudio.render.lighting import Style
from facestudio.render.offscreen import OffscreenRenderer
from facestudio.render.scene import MODES, View, cameras_of_views, mesh_of_head
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology


def main() -> None:
    """Measure every mode and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="1280x960")
    parser.add_argument("--level", type=int, default=2)
    parser.add_argument("--frames", type=int, default=40)
    args = parser.parse_args()
    width, height = (int(n) for n in args.size.split("x"))
    template = load_template()
    mesh = mesh_of_head(topology(args.level), load_database().vertices(0), template.materials)
    texture = np.random.default_rng(0).integers(90, 200, (1024, 1024, 3), dtype=np.uint8)
    views = [View("turn", float(yaw)) for yaw in np.linspace(-1.2, 1.2, args.frames)]
    cameras = cameras_of_views(mesh, views, (width, height))
    report = {}
    with OffscreenRenderer("gl") as renderer:
        renderer.set_mesh(mesh)
        renderer.set_texture(texture)
        for mode in MODES:
            style = Style(mode=mode, supersample=1)
            renderer.layer(cameras[0], style)
            times, cpu = [], time.process_time()
            for camera in cameras:
                begin = time.perf_counter()
                renderer.layer(camera, style)
                times.append(1000 * (time.perf_counter() - begin))
            report[mode] = {
                "median_ms": round(float(np.median(times)), 1),
                "cpu_ms": round(1000 * (time.process_time() - cpu) / args.frames, 1),
            }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()

"""The window is there before the libraries are that only the pipeline needs."""

import subprocess
import sys


def test_the_window_waits_for_no_library_of_the_pipeline():
    code = (
        "import sys, facestudio.app.main\n"
        "print([m for m in ('scipy', 'cv2', 'onnxruntime', 'OpenGL', 'PIL', 'trimesh') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert out.stdout.strip() == "[]"

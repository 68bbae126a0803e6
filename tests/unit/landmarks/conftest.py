from pathlib import Path

import pytest

from facestudio.landmarks.mesh478 import locate_faces
from facestudio.photo import load_photo
from facestudio.values import DetectedFace, Photo


@pytest.fixture(scope="session")
def collins(checkout: Path) -> Photo:
    return load_photo(checkout / "resources" / "samples" / "collins.jpg")


@pytest.fixture(scope="session")
def collins_face(collins: Photo) -> DetectedFace:
    (face,) = locate_faces(collins)
    return face

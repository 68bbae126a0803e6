"""The glasses' network: its windows keep their masks when they are varied, and its export says what it says."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from facestudio.errors import UnreadableInputError
from facestudio.texture.glasses import WINDOW
from facestudio.training.glasses_data import (
    MARGIN,
    Windows,
    joined,
    plain,
    read_windows,
    varied,
    with_drawn_glasses,
)

SHAPE = (WINDOW[1] + 2 * MARGIN[1], WINDOW[0] + 2 * MARGIN[0])


def _mesh() -> np.ndarray:
    """Return mesh points of a face seen from the front, where the drawing needs them."""
    middle = np.array([SHAPE[1] / 2, SHAPE[0] / 2])
    mesh = np.tile(middle, (478, 1))
    right = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
    left = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
    mesh[list(right)] = middle + np.array([-36, 0])
    mesh[list(left)] = middle + np.array([36, 0])
    mesh[[61, 291]] = middle + np.array([0, 78])
    mesh[[234, 454]] = middle + np.array([[-80, 4], [80, 4]])
    return mesh


@pytest.fixture(scope="module")
def windows() -> Windows:
    """One window with a white frame on grey, one without."""
    image = np.full((*SHAPE, 3), 120, np.uint8)
    frames = np.zeros(SHAPE, np.uint8)
    cv2.circle(frames, (SHAPE[1] // 2 - 36, SHAPE[0] // 2), 26, 255, 4)
    cv2.circle(frames, (SHAPE[1] // 2 + 36, SHAPE[0] // 2), 26, 255, 4)
    worn = image.copy()
    worn[frames > 0] = 250
    mesh = _mesh()
    return Windows(
        np.stack([worn, image]),
        np.stack([frames, 0 * frames]),
        np.stack([mesh, mesh]),
        np.array([True, False]),
    )


def test_a_plain_window_has_no_margin(windows: Windows) -> None:
    image, frames = plain(windows, 0)
    assert image.shape == (WINDOW[1], WINDOW[0], 3)
    assert ((image[..., 0] > 200) == (frames > 0)).all()


def test_a_varied_window_moves_its_frames_along(windows: Windows) -> None:
    for seed in range(12):
        image, frames = varied(windows, 0, np.random.default_rng(seed))
        grey = image.astype(np.float32).mean(axis=2)
        on, off = grey[frames > 200], grey[frames == 0]
        assert len(on) > 100
        if np.median(off) < 240:  # not burnt out
            assert np.median(on) > np.median(off)


def test_drawn_glasses_change_the_picture_where_their_mask_is(windows: Windows) -> None:
    image = windows.images[1].astype(np.float32)
    sizes = []
    for seed in range(20):
        drawn, mask = with_drawn_glasses(image, windows.mesh[1], np.random.default_rng(seed))
        assert drawn.shape == image.shape
        assert np.isfinite(drawn).all()
        sizes.append(int((mask > 127).sum()))
        change = np.abs(drawn - image).max(axis=2)
        far = cv2.dilate(mask, np.ones((81, 81), np.uint8)) == 0
        assert change[far].max(initial=0) < 1
    assert min(sizes) > 20
    assert max(sizes) > 4 * min(sizes)  # thin ones and dark lenses


def test_faces_without_glasses_get_some_now_and_then(windows: Windows) -> None:
    got = [varied(windows, 1, np.random.default_rng(seed))[1].any() for seed in range(40)]
    assert 8 < sum(got) < 32


def test_windows_are_joined(windows: Windows) -> None:
    both = joined([windows, windows])
    assert len(both) == 4
    assert both.worn.tolist() == [True, False, True, False]


def test_too_few_photos_are_refused(tmp_path: Path) -> None:
    (tmp_path / "000000.npz").write_bytes(b"no archive")
    with pytest.raises(UnreadableInputError, match="20 are needed"):
        read_windows([tmp_path], 40)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Constant folding:UserWarning")
def test_the_exported_network_says_what_the_trained_one_does(windows: Windows, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra train")
    from facestudio.landmarks.sessions import open_model
    from facestudio.training.glasses import save_onnx, train_glasses

    lines: list[str] = []
    network, report = train_glasses(windows, windows, 3, 1, tmp_path / "state", lines.append)
    assert len(lines) == 1
    assert report.photos == 2
    path = tmp_path / "net.onnx"
    save_onnx(network, report, path)
    image = np.random.default_rng(0).random((1, 3, WINDOW[1], WINDOW[0]), dtype=np.float32)
    found = open_model(path).run({"image": image})["shares"]
    with torch.no_grad():
        wanted = torch.sigmoid(network.eval()(torch.from_numpy(image))).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-4)

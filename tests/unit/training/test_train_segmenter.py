"""The segmenter's reader: its photos keep their masks when they are varied, and its export says what it says."""

import numpy as np
import pytest

from facestudio.texture.segmenter import SQUARE_SIZE, Part, seen_layers
from facestudio.training.segmenter_data import Scenes, plain, varied

SIDE = 160


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    """Pictures in which every part is a disc or ring of its own colour."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    parts = np.full((SIDE, SIDE), Part.BACKGROUND, np.uint8)
    parts[np.hypot(x, y) < 50] = Part.HAIR
    parts[np.hypot(x, y - 8) < 36] = Part.SKIN
    parts[y > 56] = Part.COVER
    colours = np.array([[20, 60, 200], [220, 170, 150], [70, 40, 20], [60, 50, 40], [30, 160, 60]], np.uint8)
    step = 0.6
    square = np.array(
        [[step, 0, SIDE / 2 - step * SQUARE_SIZE / 2], [0, step, SIDE / 2 - step * SQUARE_SIZE / 2]]
    )
    return Scenes(colours[parts][None], parts[None], square[None])


def test_a_plain_photo_is_cut_with_its_mask(scenes: Scenes) -> None:
    one = plain(scenes, 0)
    for part, colour in (
        (Part.SKIN, (220, 170, 150)),
        (Part.HAIR, (70, 40, 20)),
        (Part.COVER, (30, 160, 60)),
    ):
        np.testing.assert_allclose(np.median(one.square[one.parts == part], axis=0), colour)
    middle = slice(SQUARE_SIZE // 4, 3 * SQUARE_SIZE // 4)
    difference = one.square[middle, middle].astype(int) - one.inner[::2, ::2]
    assert np.abs(difference).mean() < 2


def test_a_varied_photo_moves_its_mask_along(scenes: Scenes) -> None:
    """Whatever the colours become, the picture changes where the mask does, and seldom within a part."""
    moved = 0
    for seed in range(8):
        one = varied(scenes, 0, np.random.default_rng(seed))
        assert one.square.shape == one.inner.shape == (SQUARE_SIZE, SQUARE_SIZE, 3)
        assert (one.parts == Part.SKIN).sum() > 4000
        values = one.square.astype(np.float32)
        skin, hair = (np.median(values[one.parts == part], axis=0) for part in (Part.SKIN, Part.HAIR))
        nearer = np.linalg.norm(values - skin, axis=2) < np.linalg.norm(values - hair, axis=2)
        where = (one.parts == Part.SKIN) | (one.parts == Part.HAIR)
        if np.linalg.norm(skin - hair) > 60:
            assert (nearer == (one.parts == Part.SKIN))[where].mean() > 0.9
            moved += 1
    assert moved >= 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Constant folding:UserWarning")
def test_the_exported_reader_says_what_the_trained_one_does(scenes: Scenes, tmp_path) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra train")
    pytest.importorskip("onnx", reason="needs the extra train")
    from facestudio.landmarks.sessions import open_model
    from facestudio.training.segmenter import SegmenterReport, make_network, save_onnx

    torch.manual_seed(0)
    network = make_network()
    example = plain(scenes, 0)
    layers = seen_layers(example.square, example.inner)
    path = tmp_path / "segmenter.onnx"
    save_onnx(network, SegmenterReport(1, 0, {}), path)
    model = open_model(path)
    assert set(model.input_shapes) == set(layers)
    found = model.run(layers)["shares"]
    network.eval()
    with torch.no_grad():
        scores = network({name: torch.from_numpy(values) for name, values in layers.items()})
    np.testing.assert_allclose(found, torch.softmax(scores, 1).numpy(), atol=3e-3)
    assert found.shape == (1, len(Part), SQUARE_SIZE, SQUARE_SIZE)

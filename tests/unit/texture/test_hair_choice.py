"""Of several photos with different hair one photo's is taken, whole; photos that agree are blended as ever."""

import numpy as np

from facestudio.texture.hair import scalp_grid
from facestudio.texture.hair_choice import HairSeen, chosen_hair
from facestudio.texture.several import blended
from facestudio.values import Coverage, Texture

SIZE = 256
HAIR, HAT, SHAVED = HairSeen(0.9, 0.0, 0.2, 0.1), HairSeen(0.1, 0.8, 0.2, 0.0), HairSeen(0.1, 0.0, 0.2, 0.0)


def _texture(colour, labels):
    pixels = np.full((SIZE, SIZE, 3), colour, dtype=np.uint8)
    full = np.full((SIZE, SIZE), labels, dtype=np.uint8)
    sure = np.full((SIZE, SIZE), 200, dtype=np.uint8)
    return Texture(pixels, Coverage(full, 1.0, 0.0, 0.0, sure))


def test_photos_that_agree_are_left_to_the_blend():
    assert chosen_hair([HAIR, HairSeen(0.7, 0.05, 0.3, 0.6)]) is None
    assert chosen_hair([HAIR, None]) is None
    assert chosen_hair([HAT, HairSeen(0.2, 0.7, 0.3, 0.6)]) is None  # the hat in both


def test_a_hat_never_wins_and_the_front_does():
    assert chosen_hair([HAT, HAIR, HairSeen(0.9, 0.0, 0.2, 1.0)]) == 1
    assert chosen_hair([HAIR, HAT]) == 0
    assert chosen_hair([HairSeen(0.9, 0.0, 0.2, 1.0), SHAVED]) == 1
    assert chosen_hair([None, HAIR, SHAVED, HAT]) == 2  # both from the front: the more frontal one


def test_the_scalp_is_taken_from_the_chosen_one_alone():
    dark, light = _texture((90, 70, 60), 1), _texture((90, 70, 60), 1)
    # Stripes survive the change to one tone.
    pixels = light.pixels.copy()
    pixels[::2] += 40
    light = Texture(pixels, light.coverage)
    both = blended([dark, light], [1.0, 1.0])
    one = blended([dark, light], [1.0, 1.0], hair=0)
    scalp = scalp_grid(SIZE) > 0.9
    inner = (
        scalp & np.roll(scalp, 8, 0) & np.roll(scalp, -8, 0) & np.roll(scalp, 8, 1) & np.roll(scalp, -8, 1)
    )

    def stripes(texture):
        rows = texture.pixels[..., 0].astype(float)
        return np.abs(rows - np.roll(rows, 1, axis=0))

    assert stripes(one)[inner].mean() < 0.1 * stripes(both)[inner].mean()
    assert (one.coverage.photos[inner] == 0).all()
    face = scalp_grid(SIZE) < 0.01
    np.testing.assert_allclose(stripes(one)[face].mean(), stripes(both)[face].mean(), rtol=0.2)

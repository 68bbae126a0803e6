"""What a request may not ask for."""

from facestudio.errors import UsageError
from facestudio.pipeline.request import METHODS, MOST_PHOTOS, TEXTURE_SIZES, FurtherPhoto, Request
from facestudio.template.model import load_template
from facestudio.template.pins import check_pins
from facestudio.texture.options import SCALP_MODES


def check_request(request: Request) -> None:
    """Raise UsageError if a request asks for what there is not."""
    if request.texture_size and request.texture_size not in TEXTURE_SIZES:
        sizes = ", ".join(str(s) for s in TEXTURE_SIZES)
        raise UsageError(f"Texture size {request.texture_size}: choose one of {sizes}")
    if request.method not in METHODS:
        raise UsageError(f"There is no method {request.method!r}", hint="Methods: " + ", ".join(METHODS))
    if request.scalp not in SCALP_MODES:
        raise UsageError(f"There is no scalp {request.scalp!r}", hint="Scalps: " + ", ".join(SCALP_MODES))
    if request.iris is not None and not (
        len(request.iris) == 3 and all(0 <= value <= 255 for value in request.iris)
    ):
        raise UsageError(f"{request.iris} is no colour of an iris: three numbers from 0 to 255")
    if request.more:
        if len(request.photos) > MOST_PHOTOS:
            raise UsageError(f"At most {MOST_PHOTOS} photos of one person can be used together")
        if request.method != METHODS[0]:
            raise UsageError(f"Several photos of one person need the method {METHODS[0]}")
        if not 0 <= request.shown < len(request.photos):
            raise UsageError(f"There is no photo {request.shown} among {len(request.photos)}")
    for one in request.photos:
        _check_photo(one)


def _check_photo(one: FurtherPhoto) -> None:
    if one.face < 1:
        raise UsageError("Faces are counted from 1")
    if one.focal_px is not None and not 1 <= one.focal_px <= 1e6:
        raise UsageError(f"A focal length of {one.focal_px} pixels is not possible")
    check_pins(one.pins, len(load_template().vertices))
    if one.landmarks is not None and one.landmarks.scheme != "ibug68":
        raise UsageError(f"Landmarks of scheme {one.landmarks.scheme}: reconstruction takes ibug68")

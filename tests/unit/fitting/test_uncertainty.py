"""How far the vertices may be off."""

import numpy as np

from facestudio.database.model import HeadDatabase, load_database
from facestudio.database.shape_model import load_shape_model
from facestudio.fitting.fit_values import Evidence, Fit, Prior
from facestudio.fitting.solver import fit_map
from facestudio.fitting.sparse_model import sparse_models
from facestudio.fitting.uncertainty import after_pinning, population_uncertainty, vertex_uncertainty
from facestudio.geometry.camera import project
from facestudio.retrieval.gallery import face_gallery
from facestudio.template.model import Template, load_template
from facestudio.values import Camera


def _fit(database: HeadDatabase, template: Template, sigma: float) -> Fit:
    model, _ = sparse_models(database, template)
    camera = Camera(
        900.0,
        900.0,
        256.0,
        256.0,
        np.diag([1.0, -1.0, -1.0]),
        np.array([0.0, 0.0, 600.0]),
        (512, 512),
        "given",
    )
    identity = database.coefficients.mean(axis=0)
    prior = Prior(identity, np.diag(1 / database.coefficients.var(axis=0)), np.zeros(52), np.full(52, 0.1))
    pixels, _ = project(camera, model.points(identity))
    evidence = Evidence(pixels, np.full((len(model), 2), sigma), np.zeros((2 * len(model), 0)))
    return fit_map(model, evidence, camera, prior)


def test_points_make_a_head_surer_than_the_population() -> None:
    database, template = load_database(), load_template()
    local = load_shape_model().local.astype(np.float64)
    before = population_uncertainty(database)
    sharp = vertex_uncertainty(database, local, _fit(database, template, 0.2))
    vague = vertex_uncertainty(database, local, _fit(database, template, 20.0))
    assert sharp.shape == (len(template.vertices),)
    assert sharp.dtype == np.float32
    assert np.isfinite(sharp).all()
    assert (sharp > 0).all()
    assert (sharp <= vague + 1e-4).all()
    face = np.unique(template.mesh478.vertex_ids)
    assert sharp[face].mean() < 0.6 * vague[face].mean()
    assert sharp[face].mean() < before[face].mean()


def test_it_is_the_spread_of_heads_drawn_from_the_posterior() -> None:
    database, template = load_database(), load_template()
    local = load_shape_model().local.astype(np.float64)
    fit = _fit(database, template, 2.0)
    rng = np.random.default_rng(3)
    n, some = 4000, rng.choice(len(template.vertices), 40, replace=False)
    z = rng.multivariate_normal(np.zeros(len(fit.identity)), fit.identity_covariance, n)
    heads = np.tensordot(z, database.basis[:, some].astype(np.float64), axes=1)
    seen = rng.multivariate_normal(np.zeros(len(fit.local_covariance)), fit.local_covariance, n)
    free = rng.standard_normal((n, len(local), 3))
    u = fit.local_seen
    combined = free - u @ (u.T @ free) + u @ seen.reshape(n, -1, 3)
    heads += np.einsum("lv,nlc->nvc", local[:, some], combined)
    drawn = np.sqrt((heads**2).sum(axis=2).mean(axis=0))
    np.testing.assert_allclose(vertex_uncertainty(database, local, fit)[some], drawn, rtol=0.06)


def test_a_point_set_by_hand_leaves_only_its_depth_open() -> None:
    before = np.full(3, 2.0, dtype=np.float32)
    spline = np.zeros((3, 68))
    spline[0, 5], spline[1, 5] = 1.0, 0.5
    pinned = np.zeros(68, dtype=np.bool_)
    assert after_pinning(before, spline, pinned) is before
    pinned[5] = True
    after = after_pinning(before, spline, pinned)
    np.testing.assert_allclose(after[[0, 2]], [2 / np.sqrt(3), 2.0], rtol=1e-6)
    assert after[0] < after[1] < after[2]


def test_a_database_of_one_head_has_no_modes_and_works() -> None:
    studio, template = load_database(), load_template()
    database = studio.without(*(head for head in studio.ids if head != "studio-0042"))
    np.testing.assert_allclose(database.vertices(0), studio.vertices(42), atol=1e-3)
    assert face_gallery(database, template).faces.shape == (1, 468, 3)
    local = load_shape_model().local.astype(np.float64)
    far = vertex_uncertainty(database, local, _fit(database, template, 1.0))
    assert np.isfinite(far).all()
    assert (far > 0).any()

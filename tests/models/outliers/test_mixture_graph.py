import numpy as np
import onnxruntime as ort

from telltale.contract.estimator import Features
from telltale.models.outliers.graph import OUTPUT, write_graph
from telltale.models.outliers.mixture import fit_mixture
from telltale.models.outliers.normal_rows import fit_normal_rows, surprise_of
from telltale.models.outliers.squash import scale_of, squash

PARAMETERS = {"n_components": 6, "variance_floor": 0.05, "max_rows": 2_000, "contamination": 0.05}


def two_kinds(n: int = 1_500, *, seed: int = 0) -> Features:
    """Rows about (0, 0, 0) and about (6, 6, -6), in thin clouds: their mean is like no row."""
    rng = np.random.default_rng(seed)
    middles = np.where(rng.random((n, 1)) < 0.5, [[0.0, 0.0, 0.0]], [[6.0, 6.0, -6.0]])
    return (middles + rng.normal(0, 0.5, (n, 3))).astype(np.float32)


def test_the_graph_says_what_the_library_says_of_squashed_rows() -> None:
    from sklearn.mixture import GaussianMixture

    rows = two_kinds()
    scale = scale_of(rows)
    squashed = squash(rows, scale)
    mixture = fit_mixture(squashed, n_components=3, floor=0.05, seed=0)
    library = GaussianMixture(n_components=3, reg_covar=0.05, max_iter=20, random_state=0, init_params="k-means++").fit(
        squashed.astype(np.float64)
    )

    session = ort.InferenceSession(write_graph(scale, [mixture]), providers=["CPUExecutionProvider"])
    found = session.run([OUTPUT], {"features": rows})[0][:, 0]

    assert np.allclose(found, -library.score_samples(squashed.astype(np.float64)), rtol=1e-4, atol=1e-3)


def test_the_graph_and_the_fitting_code_agree_on_how_surprising_a_row_is() -> None:
    from telltale.models.novelty import NoveltyScorer, novelty_parts

    rows = two_kinds()
    normal = fit_normal_rows(rows, np.zeros(len(rows), dtype=np.int8), PARAMETERS, seed=0)

    served = NoveltyScorer(novelty_parts(normal)).score(two_kinds(seed=1))

    assert np.allclose(served, surprise_of(normal, two_kinds(seed=1)), atol=1e-3)


def test_what_lies_between_two_kinds_of_normal_rows_is_more_surprising_than_either() -> None:
    rows = two_kinds()
    normal = fit_normal_rows(rows, np.zeros(len(rows), dtype=np.int8), PARAMETERS, seed=0)

    found = surprise_of(normal, np.array([[3, 3, -3], [0, 0, 0], [6, 6, -6]], dtype=np.float32))

    assert found[0] > 2.0
    assert found[0] > found[1:].max() + 1.0


def test_rows_held_out_for_the_tables_are_normal_rows_that_no_mixture_saw() -> None:
    rows = two_kinds()
    labels = np.zeros(len(rows), dtype=np.int8)
    labels[::10] = 1

    normal = fit_normal_rows(rows, labels, PARAMETERS, seed=0)

    assert len(normal.held_out) == round(0.25 * (labels == 0).sum())
    assert (labels[normal.held_out] == 0).all()
    assert len(np.unique(normal.held_out)) == len(normal.held_out)

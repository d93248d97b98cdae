"""The recommendation example on two tastes, and its protocol: loading, splitting and scoring."""

import numpy as np
import pytest

from tests.examples.test_quickstart import load_example


@pytest.fixture(scope="module")
def recommendation():
    pytest.importorskip("scipy")
    return load_example("recommendation")


def write_ratings(path, users=120):
    """Users of two tastes, each with ten items of his own, and what each disliked of the other's."""
    rng = np.random.default_rng(0)
    lines = ["userId,movieId,rating,timestamp"]
    for user in range(users):
        chosen = rng.choice(10, size=6, replace=False) + 10 * (user % 2)
        lines += [f"{user},m{item},4.5,0" for item in chosen]
        lines += [f"{user},m{item},1.0,0" for item in (chosen[:3] + 10) % 20]
    path.write_text("\n".join(lines))
    return path


def test_two_tastes(recommendation, tmp_path, capsys):
    path = write_ratings(tmp_path / "ratings.csv")
    results = recommendation.main(
        ["--data", str(path), "--epochs", "8", "--units", "16", "--latent-dim", "2", "--batch-size", "8"]
    )
    printed = capsys.readouterr().out
    assert "120 users, 20 items, 720 choices; 12 users to test" in printed
    assert list(results) == ["popularity", "EASE", "VAE, multinomial"]
    ndcg = {name: metrics["NDCG@100"].mean() for name, metrics in results.items()}
    assert f"{ndcg['popularity']:.3f}" in printed
    # one of the five items that are left of a taste, and not one of fifteen
    assert ndcg["VAE, multinomial"] > ndcg["popularity"] + 0.1


@pytest.mark.one_backend
def test_scores_of_a_ranking(recommendation):
    import scipy.sparse

    shown = scipy.sparse.csr_array(np.array([[1, 0, 0, 0, 0], [0, 0, 0, 0, 1]], "float32"))
    held_out = scipy.sparse.csr_array(np.array([[0, 1, 0, 0, 1], [1, 0, 0, 0, 0]], "float32"))
    # what was shown scores highest and is left out: the ranks are 2 4 3 1, and 0 1 2 3
    scores = np.array([[9.0, 1.0, 8.0, 2.0, 3.0], [4.0, 3.0, 2.0, 1.0, 9.0]])
    found = recommendation.ranking_scores(scores, shown, held_out)
    np.testing.assert_allclose(found["recall@20"], [1.0, 1.0])
    discount = 1 / np.log2([2, 3, 4, 5])
    np.testing.assert_allclose(found["NDCG@100"], [(discount[1] + discount[3]) / (discount[0] + discount[1]), 1.0])
    # recall at a cut below the number of items: one hit of at most two
    recommendation_cuts, recommendation.CUTS = recommendation.CUTS, (2, 3, 100)
    try:
        np.testing.assert_allclose(recommendation.ranking_scores(scores, shown, held_out)["recall@2"], [0.5, 1.0])
    finally:
        recommendation.CUTS = recommendation_cuts


@pytest.mark.one_backend
def test_the_split_shows_and_holds_out(recommendation, tmp_path):
    chosen = recommendation.load(write_ratings(tmp_path / "ratings.csv"), 4.0)
    train, valid, test = recommendation.split(chosen, seed=0)
    assert (train.shape, valid[0].shape, test[0].shape) == ((96, 20), (12, 20), (12, 20))
    for shown, held_out in (valid, test):
        assert shown.multiply(held_out).nnz == 0
        np.testing.assert_array_equal(held_out.sum(axis=1), 1)
        np.testing.assert_array_equal(shown.sum(axis=1), 5)
    rows = {tuple(row) for row in chosen.toarray()}
    assert all(tuple(row) in rows for row in (test[0] + test[1]).toarray())


@pytest.mark.one_backend
def test_files(recommendation, tmp_path):
    import scipy.sparse

    (tmp_path / "pairs.csv").write_text(
        "\n".join(f"u{user},i{user % 2}{item}" for user in range(60) for item in range(5))
    )
    pairs = recommendation.load(tmp_path / "pairs.csv", 4.0)
    assert (pairs.shape, pairs.nnz) == ((60, 10), 300)
    scipy.sparse.save_npz(tmp_path / "pairs.npz", 3 * pairs)
    np.testing.assert_array_equal(recommendation.load(tmp_path / "pairs.npz", 4.0).toarray(), pairs.toarray())
    (tmp_path / "few.csv").write_text("a,b\nc,d\n")
    for name, message in (("none.csv", "There is no file"), ("few.csv", "At least 40 users")):
        with pytest.raises(SystemExit, match=message):
            recommendation.main(["--data", str(tmp_path / name)])


@pytest.mark.one_backend
def test_names_in_functions(recommendation):
    pairs = recommendation.names_in_functions(most=30)
    by_function = {}
    for function, name in pairs:
        by_function.setdefault(function, set()).add(name)
    # no two functions with the same names
    assert len({frozenset(names) for names in by_function.values()}) == len(by_function) > 100

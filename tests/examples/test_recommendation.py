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
    assert list(results) == ["popularity", "item-kNN", "EASE", "VAE, multinomial"]
    ndcg = {name: found.summary()["ndcg@100"] for name, found in results.items()}
    assert f"{ndcg['popularity']:.3f}" in printed
    # one of the five items that are left of a taste, and not one of fifteen
    assert ndcg["VAE, multinomial"] > ndcg["popularity"] + 0.1


@pytest.mark.on_torch
def test_item_neighbours_by_hand(recommendation):
    import scipy.sparse

    train = scipy.sparse.csr_array(np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 0, 0]], "float32"))
    cosines = {(0, 1): 2 / np.sqrt(8), (0, 2): 1 / 2, (1, 2): 1 / np.sqrt(2)}
    shown = scipy.sparse.csr_array(np.array([[0, 1, 1], [1, 0, 0]], "float32"))
    expected = [
        [cosines[0, 1] + cosines[0, 2], cosines[1, 2], cosines[1, 2]],
        [0.0, cosines[0, 1], cosines[0, 2]],
    ]
    np.testing.assert_allclose(recommendation.item_neighbours(train, shown, 5), expected, rtol=1e-6)
    # the one nearest item of each: of 0 it is 1, and of 1 and of 2 each other, or 0, which is as near to 1
    found = recommendation.item_neighbours(train, shown, 1)
    np.testing.assert_allclose(found[1, 2], 0.0)
    np.testing.assert_allclose(found[0, 0], cosines[0, 1], rtol=1e-6)


@pytest.mark.on_torch
def test_the_linear_model_predicts_each_item_from_the_others(recommendation):
    """EASE is least squares with a penalty, whose own solution for one item leaves that item out."""
    import scipy.sparse

    rows = (np.random.default_rng(0).random((30, 5)) < 0.4).astype("float64")
    train = scipy.sparse.csr_array(rows)
    found = recommendation.ease(train, scipy.sparse.csr_array(np.eye(5)), 2.0)
    for item in range(5):
        others = np.delete(rows, item, axis=1)
        weights = np.linalg.solve(others.T @ others + 2.0 * np.eye(4), others.T @ rows[:, item])
        np.testing.assert_allclose(np.delete(found[:, item], item), weights)
        assert found[item, item] == 0.0


@pytest.mark.on_torch
def test_simulated_choices_are_drawn_from_the_truth(recommendation):
    chosen, truth = recommendation.simulate(3000, tastes=2, num_items=30, seed=0)
    np.testing.assert_allclose(truth.sum(axis=1), 1.0)
    numbers = chosen.sum(axis=1)
    assert numbers.min() >= 5
    assert numbers.mean() == pytest.approx(15.0, abs=0.3)
    # without replacement an item is chosen by at least 1 - (1 - p)^n of the users
    least = 1 - (1 - truth) ** numbers[:, None]
    assert (chosen.mean(axis=0) > least.mean(axis=0) - 0.03).all()
    order = np.corrcoef(chosen.toarray().ravel(), truth.ravel())[0, 1]
    shuffled = np.corrcoef(chosen.toarray().ravel(), truth[::-1].ravel())[0, 1]
    assert order > shuffled + 0.2


@pytest.mark.on_torch
@pytest.mark.parametrize(("options", "model"), [([], "VAE"), (["--autoencoder"], "DAE")])
def test_the_truth_ranks_simulated_choices_best(recommendation, options, model):
    results = recommendation.main(["--simulate", "200", "--smoke", *options])
    assert f"{model}, multinomial" in results
    ndcg = {name: found.summary()["ndcg@100"] for name, found in results.items()}
    assert max(ndcg, key=ndcg.get) == "the truth"
    assert ndcg["EASE"] > ndcg["popularity"]


@pytest.mark.on_torch
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


@pytest.mark.on_torch
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


@pytest.mark.on_torch
def test_names_in_functions(recommendation):
    pairs = recommendation.names_in_functions(most=30)
    by_function = {}
    for function, name in pairs:
        by_function.setdefault(function, set()).add(name)
    # no two functions with the same names
    assert len({frozenset(names) for names in by_function.values()}) == len(by_function) > 100

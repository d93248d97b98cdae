"""Toy molecules: what is valid, what is written is what was made; and the example in its smoke setting."""

import numpy as np
import pytest

from tests.examples.test_quickstart import load_example

VALID = ["C", "CC(=O)O", "c1ccccc1", "c1ccc(cc1)c1ccccc1", "N#CC", "C1CC2CC1CC2", "c1ccoc1", "CC(Cl)(Cl)F", "C=C=C"]
NOT_VALID = {
    "open": ["", "C1CC", "C(C", "C=", "C1CC(C1"],
    "cannot stand": ["CC)", "(C)", "C()C", "C==C", "1CC1", "C(=)C", "C(1CC1)", "CxC", "l"],
    "valence": ["CF=C", "C(C)(C)(C)(C)C", "N#N#N", "O(C)(C)C", "c1ccccc1=C", "n1(C)ccccc1", "FCl=C"],
    "aromatic": ["c1cccc1", "cC", "c1ccccccc1", "c1cccoc1", "c1cc=cc1", "C1cc1", "c1ccc2ccccc2c1"],
    "twice": ["C11", "C1C1"],
}


@pytest.fixture(scope="module")
def toy():
    return load_example("toy_molecules")


@pytest.mark.on_torch
def test_what_is_a_molecule(toy):
    assert [text for text in VALID if not toy.is_valid(text)] == []
    assert [text for texts in NOT_VALID.values() for text in texts if toy.is_valid(text)] == []


@pytest.mark.on_torch
def test_what_is_written_is_what_was_made(toy):
    """The same atoms with the same neighbours, whatever the order in which they are written."""

    def around(molecule):
        neighbours = [
            sorted((molecule.atoms[other], order) for other, order in of.items()) for of in molecule.neighbours
        ]
        return sorted(zip(molecule.atoms, neighbours, strict=True))

    strings = toy.molecules(200, longest=32, seed=1)
    assert len(set(strings)) == 200
    assert max(map(len, strings)) <= 32
    for text in (*VALID, *strings):
        molecule = toy.parse(text)
        assert around(toy.parse(toy.write(molecule))) == around(molecule)
    assert toy.molecules(20, seed=1) == toy.molecules(200, seed=1)[:20]


@pytest.mark.on_torch
def test_the_score_by_hand(toy):
    assert toy.score("CC(=O)Cl") == pytest.approx(0.2 + 0.2 - 0.6 + 0.6)
    assert toy.score("c1ccccc1") == pytest.approx(6 * 0.3)
    assert toy.score("C" * 17) == pytest.approx(17 * 0.2 - 0.1 * 3**2)


@pytest.mark.on_torch
def test_the_example(tmp_path, capsys):
    pytest.importorskip("sklearn")
    molecules = load_example("molecules")
    found = molecules.main(["--smoke", "--out", str(tmp_path)])
    assert set(found["search"]) == {"training set", *molecules.WAYS}
    assert set(found["draws"]) == {"valid", "unique", "new"}
    assert -2 < found["r2"] < 1
    assert "R2 of the predicted score" in capsys.readouterr().out
    strings = ["CC(=O)O", "c1ccccc1"]
    assert molecules.decode(molecules.encode(strings)) == strings
    assert molecules.quality(["C", "C", "CC", "C("], ["C"]) == {"valid": 0.75, "unique": 2 / 3, "new": 0.5}
    assert molecules.r2(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])) == pytest.approx(0.5)


@pytest.mark.on_torch
def test_the_search_finds_what_a_smooth_score_has(monkeypatch):
    """On a score that is linear in the latents, the Gaussian process gets further than draws do."""
    pytest.importorskip("sklearn")
    molecules = load_example("molecules")
    best = {}
    for name, way in molecules.WAYS.items():
        search, looked = molecules.Search(None, []), []
        monkeypatch.setattr(search, "look", lambda z, looked=looked: looked.append(z) or z.sum(axis=1))
        z = np.random.default_rng(1).standard_normal((60, 4))
        way(search, z, z.sum(axis=1), np.random.default_rng(2), 3, 10)
        assert [len(points) for points in looked] == [10] * 3
        best[name] = np.concatenate(looked).sum(axis=1).max()
    assert best["Gaussian process"] > best["near the best, no model"] > best["random draws"]

"""The examples of text, collapse, music and motion in their smoke settings, and what they read and write."""

import json

import keras
import numpy as np
import pytest

from tests.examples.test_quickstart import load_example


@pytest.fixture(scope="module")
def text():
    return load_example("text")


@pytest.fixture(scope="module")
def music():
    pytest.importorskip("matplotlib")
    pytest.importorskip("mido")
    return load_example("music")


@pytest.fixture(scope="module")
def motion():
    pytest.importorskip("matplotlib")
    return load_example("motion")


def test_text(text, tmp_path, capsys):
    kl, perplexity = text.main(["--smoke", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert f"Held-out KL: {kl:.2f} nats per sentence" in printed
    assert 10 < perplexity < 60  # of 50 tokens, after two epochs
    headings = (
        "Held-out sentences",
        "New sentences",
        "Continuations of 'returns the'",
        "Sentences moved along a style",
    )
    for heading in (*headings, "Interpolation between two sentences"):
        assert heading in printed
    assert printed.count("  returns the") >= 6
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert model.generate(2).shape == (2, text.LENGTH)


@pytest.mark.on_torch
def test_text_with_transformers(text, tmp_path):
    text.main(["--smoke", "--network", "transformer", "--skip-connections", "--out", str(tmp_path)])
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert type(model.decoder).__name__ == "Transformer"
    assert model.decoder.skip_connections


@pytest.mark.on_torch
def test_a_style_is_found_where_the_latents_hold_it(text):
    """With a model that decodes the word that its first latent stands for, the direction is the word's."""

    class Words:
        def decode(self, rows):
            return [("return" if row[0] > 0 else "the") + " value" for row in rows]

    class Model:
        def encode(self, rows, verbose):
            return np.asarray(rows, "float64")

        def decode(self, z, verbose):
            return z

    train = np.array([[1.0, 5.0]] * 10 + [[-1.0, 5.0]] * 10)
    changed = text.change_style(Model(), Words(), train, train, {"return"}, factors=(0.0, 0.4, 1.0))
    assert {factor: share for factor, (share, _) in changed.items()} == {0.0: 0.0, 0.4: 0.0, 1.0: 1.0}
    assert len(changed[1.0][1]) == 10  # those that had it are left out
    assert text.change_style(Model(), Words(), train[6:], train, {"return"}) is None


@pytest.mark.on_torch
def test_collapse(tmp_path, capsys):
    collapse = load_example("collapse")
    methods = ["free bits, skip connections", "aggressive encoder"]
    found = collapse.main(["--smoke", "--methods", *methods, "--out", str(tmp_path)])
    assert [(row["method"], row["seed"]) for row in found] == [(name, 0) for name in methods]
    assert all(10 < row["perplexity"] <= row["perplexity_elbo"] < 100 for row in found)
    assert [row["epochs"] for row in found][1] > 2  # the decoder's updates are those of two epochs
    printed = capsys.readouterr().out
    assert all(f"| {name} | " in printed for name in methods)
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))[0]["kl"] == found[0]["kl"]
    two_seeds = [dict.fromkeys(found[0], value) | {"method": "plain"} for value in (1.0, 2.0)]
    assert collapse.table(two_seeds).endswith(
        "| plain | 1.50 ± 0.50 | 1.50 ± 0.50 | 2 ± 0 | 1.5 ± 0.5 | 1.5 ± 0.5 | 2 | 2 |"
    )


@pytest.mark.parametrize(
    ("arguments", "low"), [([], -75), (["--latents", "recurrent", "--transpose", "3"], -75), (["--tokens"], -30)]
)
def test_music(music, tmp_path, capsys, arguments, low):
    bound = music.main(["--smoke", "--out", str(tmp_path), *arguments])
    assert f"NLL <= {-bound:.3f} nats per step" in capsys.readouterr().out
    assert low < bound < -15  # 88 keys are worth 61 nats before they are learned
    for name in ("rolls.png", "continued.png"):
        assert (tmp_path / name).stat().st_size > 1000
    import mido

    assert mido.MidiFile(tmp_path / "piece.mid").length < 24 * 60 / 90 + 1
    assert (music.GIVEN - 2) * 60 / 90 < mido.MidiFile(tmp_path / "continued.mid").length < 24 * 60 / 90 + 1


@pytest.mark.on_torch
def test_tokens_of_music_are_its_notes(music):
    roll = music.roll_of([[60, 64, 67], [], [62]])
    tokens = music.tokens_of(roll)
    assert tokens.tolist() == [41, 45, 48, 1, 1, 43, 1]
    np.testing.assert_array_equal(music.roll_of_tokens([*tokens, 50]), roll)
    assert music.pad_tokens([roll, roll[:1]], 8)["x"].tolist() == [
        [41, 45, 48, 1, 1, 43, 1, 0],
        [41, 45, 48, 1, *[0] * 4],
    ]


@pytest.mark.on_torch
def test_pieces_are_moved_within_the_keyboard(music):
    roll = music.roll_of([[22, 60], [30]])
    moved = [music.transposed(roll, np.random.default_rng(seed), 5) for seed in range(40)]
    shifts = {int(np.flatnonzero(one[0])[0]) - 1 for one in moved}
    assert shifts == {-1, 0, 1, 2, 3, 4, 5}
    for one in moved:
        shift = int(np.flatnonzero(one[0])[0]) - 1
        np.testing.assert_array_equal(one, np.roll(roll, shift, axis=1))
    assert music.transposed(roll, None, 0) is roll


def test_motion(motion, tmp_path, capsys):
    elbo, areas = motion.main(["--smoke", "--out", str(tmp_path)])
    assert f"Held-out ELBO: {elbo:.2f} nats per frame" in capsys.readouterr().out
    assert -20 < elbo < 10
    assert set(areas) == {"pushed", "stuck sensor"}
    assert (tmp_path / "paths.png").stat().st_size > 1000


@pytest.mark.on_torch
def test_forecasts(motion, tmp_path, capsys):
    found = motion.main(["--forecast", "walks", "--smoke", "--out", str(tmp_path)])["walks"]
    assert "| the mean of all frames |" in capsys.readouterr().out
    assert len(found) == 3 + 2 * len(motion.forecasters(6, 8, seed=0, bidirectional=False))  # rules, and models twice
    for errors in found.values():
        assert errors.shape == (1, len(motion.RANGES))
        assert np.isfinite(errors).all()
    assert (tmp_path / "forecasts_walks.png").stat().st_size > 1000


@pytest.mark.on_torch
def test_the_nearest_recording(motion):
    """A piece of a recording is nearest to itself, and goes on as that does."""
    recordings = motion.walk(5, 0, 160)
    start = 7
    given = recordings[2:4, start : start + motion.GIVEN]
    expected = recordings[2:4, start + motion.GIVEN : start + motion.GIVEN + motion.AHEAD]
    np.testing.assert_array_equal(motion.nearest(recordings, given), expected)


@pytest.mark.on_torch
def test_words_and_tokens(text, tmp_path):
    path = tmp_path / "mine.txt"
    sentences = [f"the {what} number {index} isn't here." for index in range(30) for what in ("red", "blue")]
    path.write_text(" ".join(sentences) + "\n\nToo short.\n", encoding="utf-8")
    read = text.read(str(path))
    assert len(read) == 60
    assert ("the", "red", "number", "3", "isn't", "here", ".") in read
    vocabulary = text.Vocabulary(read, 12)
    rows = vocabulary.encode([("the", "red", "number", "zebra", ".")])
    assert rows.shape == (1, text.LENGTH)
    assert rows[0, 3] == text.UNKNOWN
    assert rows[0, 5:7].tolist() == [text.END, text.PADDING]
    assert vocabulary.decode(rows) == ["the red number <unknown>."]
    path.write_text("only one sentence stands here.", encoding="utf-8")
    with pytest.raises(SystemExit, match="holds 1 sentences"):
        text.read(str(path))
    with pytest.raises(SystemExit, match="no file"):
        text.read(str(tmp_path / "none.txt"))


@pytest.mark.on_torch
def test_midi_is_what_was_written(music, tmp_path):
    import mido

    roll = np.zeros((4, 88))
    roll[0:2, 39] = 1.0  # middle C for two steps
    roll[1, 43] = roll[3, 43] = 1.0  # an E above it, twice
    music.write_midi(roll, tmp_path / "piece.mid", beats_per_minute=60)
    playing, notes, now = {}, [], 0.0
    for message in mido.MidiFile(tmp_path / "piece.mid"):
        now += message.time
        if message.type == "note_on":
            playing[message.note] = now
        elif message.type == "note_off":
            notes.append((message.note, round(playing.pop(message.note), 3), round(now, 3)))
    assert sorted(notes) == [(60, 0.0, 2.0), (64, 1.0, 2.0), (64, 3.0, 4.0)]


@pytest.mark.on_torch
def test_forms_of_music(music, tmp_path):
    pieces = {split: [[[60, 64], [60], []], [[21, 108]]] for split in music.SPLITS}
    (tmp_path / "pieces.json").write_text(json.dumps(pieces), encoding="utf-8")
    rolls = np.zeros((4, 88), "uint8")
    for step, keys in enumerate(([39, 43], [39], [], [0, 87])):
        rolls[step, keys] = 1
    arrays = {f"{split}data": np.packbits(rolls, axis=-1) for split in music.SPLITS}
    np.savez(tmp_path / "pieces.npz", **arrays, **{f"{split}data_len": np.array([3, 1]) for split in music.SPLITS})
    for name in ("pieces.json", "pieces.npz"):
        for split in music.load(str(tmp_path / name)):
            assert [len(piece) for piece in split] == [3, 1]
            np.testing.assert_array_equal(np.concatenate(split), rolls.astype("bool"))
    with pytest.raises(SystemExit, match="There is none at"):
        music.load(str(tmp_path / "pieces.mid"))


def test_chorales(music, shared_data):
    train, valid, test = music.load(str(shared_data("JSB_Chorales.npz")))
    assert (len(train), len(valid), len(test)) == (229, 76, 77)
    assert sum(map(len, test)) == 4725
    batches = music.Batches(train, 16)
    rows = sum(len(batches[index][0]["x"]) for index in range(len(batches)))
    steps = sum(batches[index][0]["mask"].sum() for index in range(len(batches)))
    assert (rows, steps) == (229, sum(map(len, train)))


@pytest.mark.on_torch
def test_the_pendulum_keeps_its_energy(motion):
    """Without friction, noise and pushes: the equations of motion are right."""
    generator = np.random.default_rng(0)
    angles, speeds = generator.uniform(-1, 1, (2, 5)), generator.uniform(-1, 1, (2, 5))

    def energy(angles, speeds, gravity=9.81):
        kinetic = speeds[0] ** 2 + 0.5 * speeds[1] ** 2 + speeds[0] * speeds[1] * np.cos(angles[0] - angles[1])
        return kinetic - gravity * (2 * np.cos(angles[0]) + np.cos(angles[1]))

    start = energy(angles, speeds)
    step = 1e-4
    for _ in range(5000):
        change = motion.acceleration(angles, speeds, friction=0.0)
        middle = angles + 0.5 * step * speeds, speeds + 0.5 * step * change
        angles = angles + step * middle[1]
        speeds = speeds + step * motion.acceleration(*middle, friction=0.0)
    np.testing.assert_allclose(energy(angles, speeds), start, rtol=1e-4)
    assert np.abs(angles).max() > 0.1

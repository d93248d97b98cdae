"""What a search has found."""

from typing import Any

__all__ = ["trials"]


def trials(tuner: Any) -> list[dict[str, Any]]:
    """The trials of a search, the best first, as rows of a table: `pandas.DataFrame(trials(tuner))`.

    A row has the number of the trial, its hyperparameters, the best value of the objective, in nats for those of
    `HyperVAE`, and the epoch of that value, from 1 on. Trials that failed are last; of these the value is None.

    Args:
        tuner: a tuner of KerasTuner, after `search`.

    Example:

    >>> import tempfile
    >>> import keras_tuner
    >>> import numpy as np
    >>> import keras_vae as kv
    >>> x = np.random.default_rng(0).random((64, 6)).astype("float32")
    >>> hyper = kv.tuning.HyperVAE((6,), priors="standard", latent_dims=(2, 4), learning_rate=1e-3)
    >>> tuner = keras_tuner.GridSearch(hyper, hyper.objective, directory=tempfile.mkdtemp())
    >>> tuner.search(x[:48], validation_data=x[48:], epochs=1, verbose=0)
    >>> sorted(row["latent_dim"] for row in kv.tuning.trials(tuner))
    [2, 4]
    """
    objective = tuner.oracle.objective
    rows = []
    for number, trial in tuner.oracle.trials.items():
        step = None if trial.score is None else trial.best_step + 1
        values = {name: value for name, value in trial.hyperparameters.values.items() if "/" not in name}
        rows.append(
            {
                "trial": number,
                **values,
                objective.name: None if trial.score is None else float(trial.score),
                "epoch": step,
            }
        )
    sign = -1.0 if objective.direction == "max" else 1.0
    rows.sort(key=lambda row: float("inf") if row[objective.name] is None else sign * row[objective.name])
    return rows

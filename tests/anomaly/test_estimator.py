"""The detector is what scikit-learn's tools expect of an outlier detector."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

import keras_vae as kv
from keras_vae.anomaly import VAEDetector

QUICK = {"max_steps": 2, "num_models": 1, "num_samples": 2, "latent_dim": 2}


def quick(**options):
    return VAEDetector(**{**QUICK, "random_state": 0, **options})


@pytest.mark.one_backend
def test_scikit_learn_checks_it():
    failed = [result for result in check_estimator(quick(), on_fail=None) if result["status"] == "failed"]
    assert not failed, "\n".join(f"{result['check_name']}: {result['exception']}" for result in failed)

"""Runs the code of pages during the build: markdown-exec runs the blocks, this module sets them up and shows figures.

A block marked `exec="on"` runs; `plt.show()` adds the figure to the page. A page that needs a
data set names its files in its front matter, `data: [olivetti_faces.npz]`. They are searched in the folder named by
the environment variable KERAS_VAE_DATA, and otherwise in shared/data next to the checkout. If one is missing, the
page is built without running its code, and says so. PAGES=digits,faces runs only the code of those pages, PAGES=none
runs no code.
"""

import logging
import os
import pathlib
import re
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
RUNS = re.compile(r"^(```python)\b.*\bexec=.*$", re.MULTILINE)
LOG = logging.getLogger("mkdocs.hooks.run_pages")
NOT_RUN = """!!! note "Not run in this build"

    {why} The code below is as it would run; its output and its pictures are missing.

"""


def on_startup(command, dirty):
    """Sets what the pages' code meets: backend, data, and a matplotlib that prints its figures into the page."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_VAE_DATA", str(ROOT.parent / "shared" / "data"))
    asked = set(os.environ.get("PAGES", "all").split(","))
    unknown = asked - {"all", "none"} - {path.stem for path in (ROOT / "docs").rglob("*.md")}
    if unknown:
        raise ValueError(f"PAGES names pages that do not exist: {', '.join(sorted(unknown))}.")
    sys.path.insert(0, str(FOLDER))
    os.environ["MPLBACKEND"] = "module://page_figures"


def prepare_olivetti(path):
    """Puts the faces where `sklearn.datasets.fetch_olivetti_faces` keeps what it has downloaded."""
    import joblib
    import numpy as np

    folder = pathlib.Path(tempfile.mkdtemp(prefix="scikit_learn_data_"))
    with np.load(path, allow_pickle=False) as arrays:
        # As scikit-learn stores what it has downloaded: each picture column by column.
        columns = arrays["x"].transpose(0, 2, 1).reshape(len(arrays["x"]), -1)
        joblib.dump(columns, folder / "olivetti_py3.pkz")
    os.environ["SCIKIT_LEARN_DATA"] = str(folder)


def reason_not_to_run(page):
    """What keeps this page's code from running, as a sentence, or None."""
    asked = os.environ.get("PAGES", "all")
    if asked != "all" and pathlib.Path(page.file.src_uri).stem not in asked.split(","):
        return f"The site was built with PAGES={asked}."
    folder = pathlib.Path(os.environ["KERAS_VAE_DATA"])
    missing = [name for name in page.meta.get("data", []) if not (folder / name).is_file()]
    return f"It needs data that was not there: {', '.join(missing)}." if missing else None


def on_page_markdown(markdown, page, config, files):
    """Runs every page from the same random state, or takes the runs out of its Markdown."""
    if not RUNS.search(markdown):
        return markdown
    why = reason_not_to_run(page)
    if why is not None:
        LOG.info("Not run: %s. %s", page.file.src_uri, why)
        head, _, body = markdown.partition("\n")
        return head + "\n\n" + NOT_RUN.format(why=why) + RUNS.sub(r"\1", body)
    if "olivetti_faces.npz" in page.meta.get("data", []) and "SCIKIT_LEARN_DATA" not in os.environ:
        prepare_olivetti(pathlib.Path(os.environ["KERAS_VAE_DATA"]) / "olivetti_faces.npz")
    import keras
    import matplotlib.pyplot as plt

    keras.config.set_dtype_policy("float32")
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    plt.close("all")
    return markdown

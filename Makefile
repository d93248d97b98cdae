# Everything runs in .venv, which the first target that needs it creates.
PYTHON ?= python3
BIN := .venv/bin
TORCH ?= torch==2.13.0
# One thread per test worker: several workers with several threads each slow each other down many times. A file of tests
# runs in one worker, where its fixtures are made once, and what one test has compiled serves the next.
TEST := OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 TF_CPP_MIN_LOG_LEVEL=3 \
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations=12

# The lowest Keras that pyproject.toml allows, in a folder that comes before the others: an install of seconds.
LOWEST := $(shell sed -n 's/^dependencies = .*"keras>=\([0-9.]*\)".*/\1/p' pyproject.toml)
LOWEST_TESTS := tests/compat tests/data tests/latents tests/registry \
	$(addprefix tests/models/test_,adapt.py call.py conditions.py data_forms.py fields.py inference.py saving.py)

.PHONY: install quickstart test test-fast test-jax test-torch test-lowest test-plugin mutants lint docs check clean

.venv/.tensorflow: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[tensorflow,examples,test]"
	touch $@

.venv/.jax: .venv/.tensorflow
	$(BIN)/python -m pip install --quiet --editable ".[jax]"
	touch $@

.venv/.torch: .venv/.tensorflow
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	touch $@

.venv/keras-lowest: .venv/.torch
	rm -rf $@
	$(BIN)/python -m pip install --quiet --no-deps --target $@ "keras==$(LOWEST)"

.venv/.dev: .venv/.tensorflow
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

.venv/.mutants: .venv/.torch
	$(BIN)/python -m pip install --quiet --editable ".[mutants]"
	touch $@

# All of it in one call of pip, which is faster than one after another.
install:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[tensorflow,jax,dev]" "$(TORCH)"
	touch .venv/.tensorflow .venv/.jax .venv/.torch .venv/.dev

quickstart: .venv/.tensorflow
	KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python examples/quickstart.py

# Most tests run on torch only: tests/conftest.py lists those of every backend, and says why they suffice.
test: .venv/.tensorflow
	KERAS_BACKEND=tensorflow $(TEST) -m "on_tensorflow or not (refusals or on_torch)"

# While editing: mathematics, and the contract of every component, in less than a minute. On torch, which compiles nothing:
# on TensorFlow tracing alone takes longer. What depends on a backend is left to the others.
FAST := tests/contracts/test_contracts.py tests/mathematics tests/distributions tests/golden tests/layers tests/registry \
	tests/data $(addprefix tests/models/test_,annealing.py bad_input.py call.py terms_of_elements.py)

test-fast: .venv/.torch
	KERAS_BACKEND=torch $(TEST) --dist worksteal -m "not on_tensorflow" $(FAST)

# Tests run what they compile once or twice, so the compiler optimises little, and takes XLA's older emitters: the newer
# ones, in 32 parts, need two to three times as long for one small operation. What it has compiled is kept.
XLA := --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true \
	--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1

test-jax: .venv/.jax
	JAX_COMPILATION_CACHE_DIR=$(CURDIR)/.jax_cache JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 \
	JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1 KERAS_BACKEND=jax XLA_FLAGS="$(XLA)" \
	$(TEST) -m "not on_tensorflow and not refusals and not on_torch"

test-torch: .venv/.torch
	KERAS_BACKEND=torch $(TEST) -m "not on_tensorflow"

# A part of the tests on one backend: what a lower Keras breaks is training, saving and the forms of data. Where no
# higher version is out, the tests of torch have run on it already.
test-lowest: .venv/keras-lowest
	@if $(BIN)/python -m pip show keras | grep -qx "Version: $(LOWEST)"; then \
		echo "The lowest Keras, $(LOWEST), is the one installed: make test-torch runs on it."; \
	else \
		export PYTHONPATH=$(CURDIR)/.venv/keras-lowest KERAS_BACKEND=torch; \
		$(BIN)/python -c "import keras; assert keras.__version__ == '$(LOWEST)', keras.__version__" && \
		$(TEST) -m "not on_tensorflow" $(LOWEST_TESTS); \
	fi

# A plugin as a stranger writes it, in an environment of its own.
test-plugin: .venv/.dev
	XLA_FLAGS="$(XLA)" $(BIN)/python -m tests.plugin_route

# Not part of `check`: half an hour. SAMPLE and SEED choose the mutants, FILES what they are mutants of.
SAMPLE ?= 60
SEED ?= 0
mutants: .venv/.mutants
	OMP_NUM_THREADS=1 KERAS_BACKEND=torch $(BIN)/python -m tests.mutation --sample $(SAMPLE) --seed $(SEED) --minutes 60 $(FILES)

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

docs: .venv/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(BIN)/python -m tests.docs.offline_site site

check: test test-jax test-torch test-lowest lint docs

clean:
	rm -rf .venv .jax_cache build dist site

"""Latents of single cells without the batch and the depth, by a negative binomial VAE, beside PCA of log counts.

    python examples/counts.py                  # about a minute of CPU
    python examples/counts.py --seed 1         # another simulated experiment
    python examples/counts.py --dropout 0      # without zeros beyond those of a negative binomial
    python examples/counts.py --smoke          # a few seconds, to see that it runs

Simulated reads, so that the truth is known (`simulate`): cells of several kinds in several batches, whose shares of the
kinds differ; a profile over the genes for each kind; an effect of each batch on each gene; a depth for each cell, on
average another one in each batch; an overdispersion for each gene; and reads that are lost.

The models are as in scVI (Lopez et al., 2018): counts with mean size x f(z, batch), where the size is the cell's total
divided by the average total. They differ in who sees the batch, and in the likelihood. Beside them stand principal
components of log(1 + count / size), as they are and with the mean of every batch taken off.

Cells that were not trained on are measured: whether their kinds are apart, as the silhouette and as clusters of
k-means, and whether their batches are mixed within the kinds, as the silhouette and by the tests of kBET (Büttner et
al., 2019). The latents are the posterior's means, and once draws: what is left of a batch may be less than the
posterior's width. Then the parameters of the models are compared with the truth: dispersions, profiles, effects of the
batches, and the differences of the kinds.
"""

import argparse
import dataclasses
import time

import keras
import numpy as np

import keras_vae as kv


@dataclasses.dataclass(frozen=True)
class Cells:
    """Simulated reads and their truth.

    counts `(cells, genes)`, kinds and batches `(cells,)`; log_profiles `(kinds, genes)`, log_effects
    `(batches, genes)`, log_depths `(cells,)`, dispersions `(genes,)`: a count's variance is mean + mean^2 / dispersion;
    dropout, the share of counts that are lost.
    """

    counts: np.ndarray
    kinds: np.ndarray
    batches: np.ndarray
    log_profiles: np.ndarray
    log_effects: np.ndarray
    log_depths: np.ndarray
    dispersions: np.ndarray
    dropout: float

    @property
    def sizes(self):
        """Estimates of the depth, `(cells,)`: totals of counts, 1 for an average cell."""
        totals = self.counts.sum(axis=1)
        return totals / totals.mean()


def simulate(num_cells=3000, num_genes=200, num_kinds=5, num_batches=3, dropout=0.1, seed=0):
    """Cells whose reads are negative binomial, with mean depth x profile of the kind x effect of the batch.

    A third of the genes differs between kinds, by 0.8 on the log scale; all differ between batches, by 0.5.
    """
    rng = np.random.default_rng(seed)
    markers = rng.random(num_genes) < 1 / 3
    log_profiles = rng.normal(0.0, 1.0, num_genes) + 0.8 * markers * rng.normal(size=(num_kinds, num_genes))
    log_effects = 0.5 * rng.normal(size=(num_batches, num_genes))
    dispersions = np.exp(rng.normal(np.log(3.0), 0.5, num_genes))
    batches = rng.integers(0, num_batches, num_cells)
    shares = rng.dirichlet(np.full(num_kinds, 3.0), size=num_batches)
    kinds = np.array([rng.choice(num_kinds, p=shares[batch]) for batch in batches])
    log_depths = 0.5 * rng.normal(size=num_batches)[batches] + 0.6 * rng.normal(size=num_cells)
    mean = np.exp(log_depths[:, None] + log_profiles[kinds] + log_effects[batches])
    counts = rng.negative_binomial(dispersions, dispersions / (dispersions + mean))
    counts *= rng.random(counts.shape) >= dropout
    counts[counts.sum(axis=1) == 0, 0] = 1  # a cell without a read has no size
    return Cells(counts, kinds, batches, log_profiles, log_effects, log_depths, dispersions, dropout)


def inputs(cells, which, with_batch=True):
    """What a model is given of the cells `which`: counts, sizes, and the batch as the condition."""
    data = {"x": cells.counts[which], "exposure": cells.sizes[which]}
    return {**data, "condition": cells.batches[which]} if with_batch else data


def train_model(cells, which, likelihood, condition_to, options):
    """A VAE of the cells `which`; `condition_to` names the components that see the batch."""
    keras.utils.set_random_seed(options.seed)
    num_batches = len(cells.log_effects)
    condition = {}
    if condition_to:
        one_hot = keras.layers.CategoryEncoding(num_batches, output_mode="one_hot")
        condition = {"condition_shape": (), "condition_encoder": one_hot, "condition_to": condition_to}
    vae = kv.VAE(
        data_shape=(cells.counts.shape[1],),
        latent_dim=options.latent_dim,
        encoder=kv.encoders.MLP((options.units,)),
        decoder=kv.decoders.MLP((options.units,)),
        likelihood=likelihood(exposure=True),
        seed=options.seed,
        **condition,
    )
    vae.compile(keras.optimizers.Adam(options.learning_rate))
    vae.fit(inputs(cells, which, bool(condition_to)), epochs=options.epochs, batch_size=64, verbose=0)
    return vae


def principal_components(cells, train, which, num_components, centred):
    """Components of log(1 + count / size), fitted to `train`; with `centred` less the mean of each batch of `train`."""
    from sklearn.decomposition import PCA

    logs = np.log1p(cells.counts / cells.sizes[:, None])
    if centred:
        for batch in np.unique(cells.batches):
            logs[cells.batches == batch] -= logs[train][cells.batches[train] == batch].mean(axis=0)
    return PCA(num_components, random_state=0).fit(logs[train]).transform(logs[which])


def measures(z, kinds, batches):
    """How far kinds are apart and batches are mixed, by name: numbers of latents `(cells, latent_dim)`."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score, silhouette_score

    clusters = KMeans(kinds.max() + 1, n_init=10, random_state=0).fit_predict(z)
    # within kinds, since their shares differ between batches
    by_batch = [silhouette_score(z[kinds == kind], batches[kinds == kind]) for kind in np.unique(kinds)]
    return {
        "kinds apart": silhouette_score(z, kinds),
        "clusters right": adjusted_rand_score(kinds, clusters),
        "batches apart": np.mean(by_batch),
        "kBET rejects": kv.evaluation.batch_mixing(z, batches, kinds).rejection_rate,
    }


def centred(logs):
    """Logs of profiles less their mean over the genes: what is known of a profile if the depth is not."""
    return logs - logs.mean(axis=-1, keepdims=True)


def expression(vae, cells, which):
    """log f(z, b) of each kind's cells, decoded at size 1 under every batch b: `(kinds, batches, genes)`."""
    z = vae.encode(inputs(cells, which))
    logs = [np.log(vae.decode(z, np.full(len(z), b), exposure=1.0)) for b in range(len(cells.log_effects))]
    kinds = cells.kinds[which]
    return np.stack([np.stack([log[kinds == kind].mean(axis=0) for log in logs]) for kind in np.unique(kinds)])


def counted(cells, which):
    """The same without a model: log of the average of count / size, of the cells of each kind and batch."""
    relative, kinds, batches = cells.counts[which] / cells.sizes[which, None], cells.kinds[which], cells.batches[which]
    few = 0.5 / len(relative)  # for a gene that no cell of a kind has
    found = np.zeros((kinds.max() + 1, batches.max() + 1, relative.shape[1]))
    for kind, batch in np.ndindex(found.shape[:2]):
        found[kind, batch] = np.log(few + relative[(kinds == kind) & (batches == batch)].mean(axis=0))
    return found


def agreement(found, truth):
    """Correlation and root mean squared error."""
    return np.corrcoef(found.ravel(), truth.ravel())[0, 1], np.sqrt(np.square(found - truth).mean())


def recovered(logs, cells):
    """Agreement of `(kinds, batches, genes)`, log expression, with the truth, by what is compared."""
    profiles, true_profiles = centred(logs.mean(axis=1)), centred(cells.log_profiles + cells.log_effects.mean(axis=0))
    effects = centred(logs.mean(axis=0))
    true_effects = centred(cells.log_effects)
    pairs = [(a, b) for a in range(len(logs)) for b in range(a)]
    return {
        "profiles of kinds": agreement(profiles, true_profiles),
        "effects of batches": agreement(effects - effects.mean(axis=0), true_effects - true_effects.mean(axis=0)),
        "differences of kinds": agreement(
            np.stack([profiles[a] - profiles[b] for a, b in pairs]),
            np.stack([true_profiles[a] - true_profiles[b] for a, b in pairs]),
        ),
    }


def dispersions(vae):
    """Log dispersion of each gene, `(genes,)`."""
    return keras.ops.convert_to_numpy(vae.likelihood.log_inverse_dispersion)


MODELS = {
    "NB, nobody sees the batch": (kv.likelihoods.NegativeBinomial, ()),
    "NB, decoder": (kv.likelihoods.NegativeBinomial, ("decoder",)),
    "NB, encoder and decoder": (kv.likelihoods.NegativeBinomial, ("encoder", "decoder")),
    "ZINB, encoder and decoder": (kv.likelihoods.ZeroInflatedNegativeBinomial, ("encoder", "decoder")),
}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=3000, help="two thirds to train, one third to measure")
    parser.add_argument("--genes", type=int, default=200)
    parser.add_argument("--dropout", type=float, default=0.1, help="share of the counts that are lost")
    parser.add_argument("--latent-dim", type=int, default=8)
    parser.add_argument("--units", type=int, default=64, help="of the layer of each network")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0, help="of the cells and of the models")
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.cells, options.genes, options.epochs, options.units = 900, 20, 2, 8

    cells = simulate(options.cells, options.genes, dropout=options.dropout, seed=options.seed)
    train, test = np.arange(options.cells) < 2 * options.cells // 3, np.arange(options.cells) >= 2 * options.cells // 3
    print(f"{options.cells} cells, {options.genes} genes, {(cells.counts == 0).mean():.0%} zeros")
    latents = {
        f"PCA, {options.latent_dim} components": (options.latent_dim, False),
        f"PCA, batches centred, {options.latent_dim}": (options.latent_dim, True),
        f"PCA, batches centred, {len(cells.log_profiles) - 1}": (len(cells.log_profiles) - 1, True),
    }
    latents = {name: principal_components(cells, train, test, *how) for name, how in latents.items()}
    models, bounds = {}, {}
    for name, (likelihood, condition_to) in MODELS.items():
        start = time.process_time()
        vae = train_model(cells, train, likelihood, condition_to, options)
        data = inputs(cells, test, bool(condition_to))
        latents[name], models[name] = vae.encode(data, verbose=0), vae
        bounds[name] = float(vae.elbo(data, num_samples=10, seed=0, verbose=0).mean())
        print(f"{name:28s} ELBO {bounds[name]:8.2f}, {time.process_time() - start:.0f} s of CPU")
    latents["NB, decoder, draws of z"] = models["NB, decoder"].encode(inputs(cells, test), "sample", seed=0, verbose=0)
    results = {name: measures(z, cells.kinds[test], cells.batches[test]) for name, z in latents.items()}
    print(f"\n{'':28s}" + "".join(f"{measure:>16s}" for measure in next(iter(results.values()))))
    for name, found in results.items():
        print(f"{name:28s}" + "".join(f"{value:16.3f}" for value in found.values()))

    truth = {"averages of the counts": recovered(counted(cells, train), cells)}
    for name, vae in models.items():
        if MODELS[name][1]:
            of_genes = agreement(dispersions(vae), np.log(cells.dispersions))
            truth[name] = {**recovered(expression(vae, cells, train), cells), "dispersions": of_genes}
    print(f"\n{'correlation, error of logs':28s}" + "".join(f"{what:>22s}" for what in list(truth.values())[-1]))
    for name, found in truth.items():
        print(f"{name:28s}" + "".join(f"{f'{r:.3f}, {error:.3f}':>22s}" for r, error in found.values()))
    return {"measures": results, "elbo": bounds, "recovered": truth}


if __name__ == "__main__":
    main()

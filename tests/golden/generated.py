"""Writes generated.json: what torch-fidelity, prdc and scikit-learn say of features, for src/measure/golden.rs.

python3 tests/golden/generated.py   # needs numpy, scipy, scikit-learn, torch, torch-fidelity, prdc

Made with numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1, torch 2.11.0, torch-fidelity 0.4.0, prdc 0.2. The likeness at several scales is no
part of these; its formula (Wang et al., 2003) is written out below.
"""

import json
import pathlib

import numpy
import torch
from prdc import compute_prdc
from scipy import signal
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

random = numpy.random.default_rng(2021)


def features(images, width, centre, spread):
    mixing = random.normal(size=(width, width))
    rows = centre + spread * random.normal(size=(images, width)) @ mixing
    return numpy.round(rows, 3)


def drawn(real, fake, subsets, size, seed):
    """The rows that torch-fidelity draws for its subsets."""
    state = numpy.random.RandomState(seed)
    pairs = []
    for _ in range(subsets):
        one = state.choice(len(real), size, replace=False)
        pairs.append([one.tolist(), state.choice(len(fake), size, replace=False).tolist()])
    return pairs


def case(real, fake, k, subsets, size):
    seed = 2020
    kid = kid_features_to_metric(
        torch.from_numpy(real), torch.from_numpy(fake), kid_subsets=subsets, kid_subset_size=size,
        rng_seed=seed, verbose=False,
    )
    fid = fid_statistics_to_metric(
        *(fid_features_to_statistics(torch.from_numpy(side)) for side in (real, fake)), verbose=False
    )
    return {
        "real": real.tolist(),
        "fake": fake.tolist(),
        "k": k,
        "subsets": drawn(real, fake, subsets, size, seed),
        "kid": [kid["kernel_inception_distance_mean"], kid["kernel_inception_distance_std"]],
        "fid": fid["frechet_inception_distance"],
        **compute_prdc(real, fake, k),
    }


def at_one_scale(one, other):
    places = numpy.arange(11) - 5
    line = numpy.exp(-(places**2) / (2 * 1.5**2))
    window = numpy.outer(line, line) / line.sum() ** 2

    def mean(levels):
        return signal.correlate2d(levels, window, mode="valid")

    a, b = mean(one), mean(other)
    variances = mean(one * one) - a * a, mean(other * other) - b * b
    steady = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    structure = (2 * (mean(one * other) - a * b) + steady[1]) / (sum(variances) + steady[1])
    luminance = (2 * a * b + steady[0]) / (a * a + b * b + steady[0])
    return structure.mean(), (structure * luminance).mean()


def likeness(one, other):
    weights = numpy.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
    count = sum(min(one.shape) >> scale >= 11 for scale in range(5))
    weights = weights[:count] / weights[:count].sum()
    product = 1.0
    for scale, weight in enumerate(weights):
        structure, whole = at_one_scale(one, other)
        product *= max(whole if scale + 1 == count else structure, 0) ** weight
        height, width = (side // 2 for side in one.shape)
        one, other = (
            plane[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3))
            for plane in (one, other)
        )
    return product


def alike(height, width, noise):
    y, x = numpy.mgrid[:height, :width]
    one = 128 + 60 * numpy.sin(x / 5) + 50 * numpy.cos(y / 7)
    other = one + noise * random.normal(size=one.shape)
    one, other = (numpy.clip(numpy.round(plane), 0, 255) for plane in (one, other))
    return {
        "height": height, "width": width, "one": one.ravel().tolist(), "other": other.ravel().tolist(),
        "likeness": likeness(one, other),
    }


def components(rows, count):
    found = PCA(count, svd_solver="full").fit(rows)
    return {
        "rows": rows.tolist(), "mean": found.mean_.tolist(),
        "variances": found.explained_variance_.tolist(),
        "directions": found.components_.tolist(),
    }


def nearness(generated, held_out):
    """Distances to the nearest real image: the chance that a generated one is the smaller, ties half."""
    apart = numpy.concatenate([generated, held_out])
    return {
        "generated": generated.tolist(), "held_out": held_out.tolist(),
        "nearer": roc_auc_score(numpy.arange(len(apart)) < len(generated), -apart),
        "medians": [numpy.median(generated), numpy.median(held_out)],
    }


golden = {
    "features": [
        case(features(60, 5, 0.0, 1.0), features(50, 5, 0.3, 0.8), 5, 8, 40),
        case(features(40, 8, 1.0, 0.5), features(70, 8, 1.0, 0.5), 3, 5, 40),
        case(features(30, 3, 0.0, 1.0), features(30, 3, 4.0, 2.0), 1, 1, 30),
    ],
    "components": [components(features(40, 6, 1.0, 1.0), 4), components(features(5, 9, 0.0, 1.0), 4)],
    "likenesses": [alike(28, 28, 20), alike(33, 45, 40), alike(11, 12, 10)],
    "nearness": [
        nearness(numpy.round(4 + random.random(40), 1), numpy.round(4.3 + random.random(25), 1)),
        nearness(numpy.round(random.random(9), 2), numpy.round(random.random(30), 2)),
    ],
    # Fewer rows than features, last so that what was drawn before stays.
    "few": [case(features(9, 14, 0.0, 1.0), features(12, 14, 0.2, 1.0), 2, 4, 8)],
}
path = pathlib.Path(__file__).with_name("generated.json")
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")

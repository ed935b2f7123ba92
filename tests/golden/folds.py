"""Writes folds.json: how even scikit-learn's StratifiedGroupKFold makes folds, for
`src/stages/split/even.rs`.

Usage: python tests/golden/folds.py > tests/golden/folds.json

Each case is a data set as its groups, each with its images by class. `unevenness` is the mean over classes of
the standard deviation over folds of a fold's share in the class (what scikit-learn minimises), `sizes` the
standard deviation of a fold's share in all images; both are means over the seeds 0 to 9.
"""

import json

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

SEEDS = 10


def eyes(rng, groups):
    """Patients with two eyes, whose grades are mostly the same: as in studies of the retina."""
    grades = rng.choice(5, size=groups, p=[0.5, 0.1, 0.2, 0.12, 0.08])
    others = np.where(rng.random(groups) < 0.7, grades, rng.choice(5, size=groups))
    return [np.bincount([a, b], minlength=5) for a, b in zip(grades, others)]


def series(rng, groups):
    """Patients with one class each and a few images, some of them with many."""
    sizes = np.minimum(1 + rng.geometric(0.25, size=groups), 40)
    classes = rng.choice(3, size=groups, p=[0.6, 0.3, 0.1])
    return [np.bincount([label] * size, minlength=3) for size, label in zip(sizes, classes)]


def sites(rng, groups):
    """Sites of very different sizes and mixtures of classes."""
    sizes = (20 * rng.lognormal(0, 1, size=groups)).astype(int) + 1
    return [rng.multinomial(size, rng.dirichlet([2, 1, 1, 0.5])) for size in sizes]


def unevenness(groups, fold_of, count):
    folds = np.zeros((count, groups.shape[1]))
    for group, fold in zip(groups, fold_of):
        folds[fold] += group
    classes = (folds / np.maximum(groups.sum(axis=0), 1)).std(axis=0).mean()
    return classes, (folds.sum(axis=1) / groups.sum()).std()


cases = []
for name, make, count, folds in [
    ("eyes", eyes, 30, 5),
    ("eyes", eyes, 200, 5),
    ("eyes", eyes, 200, 10),
    ("eyes", eyes, 1000, 5),
    ("series", series, 25, 5),
    ("series", series, 100, 5),
    ("series", series, 400, 10),
    ("sites", sites, 12, 3),
    ("sites", sites, 40, 5),
    ("sites", sites, 120, 10),
]:
    groups = np.array(make(np.random.default_rng(len(cases)), count))
    labels = np.concatenate([np.repeat(np.arange(len(group)), group) for group in groups])
    names = np.repeat(np.arange(count), groups.sum(axis=1))
    found = []
    for seed in range(SEEDS):
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        fold_of = np.zeros(count, dtype=int)
        for fold, (_, test) in enumerate(splitter.split(labels, labels, names)):
            fold_of[names[test]] = fold
        found.append(unevenness(groups, fold_of, folds))
    mean = np.mean(found, axis=0)
    cases.append(
        {
            "name": f"{name}, {count} groups",
            "folds": folds,
            "unevenness": round(float(mean[0]), 6),
            "sizes": round(float(mean[1]), 6),
            "groups": groups.tolist(),
        }
    )
print("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]")

"""Writes measures.json: what scikit-learn, SciPy and statsmodels say, for src/measure/golden.rs.

python3 tests/golden/measures.py   # needs numpy, scipy, scikit-learn, statsmodels

Made with numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1, statsmodels 0.15.0. The calibration error is no part of
these; its formula (Naeini et al., 2015) is written out below.

`measures.py live` answers cases ({"labels", "probabilities", "classes", "file"}) on standard input, a line each: what
tests/it/measures.rs asks for. Where medmnist (3.0.2) is there too, its Evaluator reads the result file of a case.
"""

import json
import os
import pathlib
import sys
import tempfile

import numpy
from sklearn import metrics

random = numpy.random.default_rng(2021)


def answers(images, classes, absent=()):
    weights = numpy.array([0.0 if c in absent else 1.0 / (c + 1) for c in range(classes)])
    labels = random.choice(classes, images, p=weights / weights.sum())
    raw = random.random((images, classes)) + 0.6 * numpy.eye(classes)[labels]
    # Two decimals make many ties.
    probabilities = numpy.round(raw / raw.sum(1, keepdims=True), 2)
    case = measured(labels, probabilities, classes)
    return {"labels": labels.tolist(), "probabilities": probabilities.tolist(), **case}


def calibration_error(right, confidence, bins=15):
    """Share of right answers against mean confidence, bin by bin, weighted by the images of each bin."""
    bounds = numpy.linspace(0, 1, bins + 1)
    error = 0.0
    for low, high in zip(bounds[:-1], bounds[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


def measured(labels, probabilities, classes):
    predicted = probabilities.argmax(1)
    every = list(range(classes))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, predicted, labels=every, zero_division=0
    )
    seen = numpy.bincount(predicted, minlength=classes)
    occurs = [c for c in every if 0 < support[c] < len(labels)]
    auc = [
        metrics.roc_auc_score(labels == c, probabilities[:, c]) if c in occurs else None
        for c in every
    ]
    kappa = metrics.cohen_kappa_score(labels, predicted, labels=every, weights="quadratic")
    nominal = metrics.cohen_kappa_score(labels, predicted, labels=every)
    truth = numpy.eye(classes)[labels]
    # `brier_score_loss` refuses rows that do not add up to 1, as rounded ones do not.
    adds_up = numpy.allclose(probabilities.sum(1), 1, atol=1e-12)
    brier = (
        metrics.brier_score_loss(truth, probabilities, scale_by_half=False)
        if adds_up and classes > 2
        else ((probabilities - truth) ** 2).sum(1).mean()
    )
    referable = labels >= 2
    graded = classes > 2

    def found(side):
        return metrics.recall_score(referable == side, (predicted >= 2) == side)

    both = graded and referable.any() and not referable.all()
    return {
        "predicted": predicted.tolist(),
        "accuracy": metrics.accuracy_score(labels, predicted),
        "majority": numpy.bincount(labels).max() / len(labels),
        "balanced_accuracy": numpy.mean([r for r, n in zip(recall, support) if n]),
        "macro_f1": metrics.f1_score(labels, predicted, average="macro"),
        "kappa": None if numpy.isnan(kappa) else kappa,
        "nominal_kappa": None if numpy.isnan(nominal) else nominal,
        "confusion": metrics.confusion_matrix(labels, predicted, labels=every).tolist(),
        "precision": [p if seen[c] else None for c, p in enumerate(precision)],
        "recall": [r if support[c] else None for c, r in enumerate(recall)],
        "f1": [f if seen[c] + support[c] else None for c, f in enumerate(f1)],
        "auc": auc,
        "macro_auc": numpy.mean([a for a in auc if a is not None]) if occurs else None,
        "micro_auc": metrics.roc_auc_score(truth.ravel(), probabilities.ravel()),
        "mae": metrics.mean_absolute_error(labels, predicted),
        "referable_sensitivity": found(True) if graded and referable.any() else None,
        "referable_specificity": found(False) if graded and not referable.all() else None,
        "referable_auc": (
            metrics.roc_auc_score(referable, probabilities[:, 2:].sum(1)) if both else None
        ),
        "brier": brier,
        "ece": calibration_error(labels == predicted, probabilities.max(1)),
    }


def live(line):
    case = json.loads(line)
    labels, probabilities = numpy.array(case["labels"]), numpy.array(case["probabilities"])
    found = measured(labels, probabilities, case["classes"])
    found["medmnist"] = None
    if "file" in case:
        found["medmnist"] = medmnist_reads(labels, case["file"])
    return found


def medmnist_reads(labels, file):
    """AUC and ACC of a result file, as MedMNIST's own Evaluator reads and measures it."""
    try:
        from medmnist import Evaluator
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as root:
        numpy.savez(os.path.join(root, "retinamnist.npz"), test_labels=labels[:, None])

        class Here(Evaluator):
            def __init__(self, flag, split, size=None):
                super().__init__(flag, split, size=size, root=root)

        named = os.path.join(root, "retinamnist_test@run.csv")
        pathlib.Path(named).write_bytes(pathlib.Path(file).read_bytes())
        out, sys.stdout = sys.stdout, sys.stderr  # it prints what it found
        try:
            return list(Here.parse_and_evaluate(named))
        finally:
            sys.stdout = out


class Plain(json.JSONEncoder):
    def default(self, value):
        return value.item()


if not sys.stdin.isatty() and len(sys.argv) > 1 and sys.argv[1] == "live":
    for line in sys.stdin.read().splitlines():
        print(json.dumps(live(line), cls=Plain))
    sys.exit()

from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint


def with_interval(case):
    right = [label == answer for label, answer in zip(case["labels"], case["predicted"])]
    return {**case, "interval": proportion_confint(sum(right), len(right), method="wilson")}


def spread(numbers):
    mean, error = numpy.mean(numbers), stats.sem(numbers)
    low, high = stats.t.interval(0.95, len(numbers) - 1, loc=mean, scale=error)
    return {
        "numbers": numbers, "mean": mean, "deviation": numpy.std(numbers, ddof=1),
        "interval": [low, high],
    }


def paired(only_first, only_second):
    p = mcnemar([[5, only_first], [only_second, 7]], exact=True).pvalue
    return {"only_first": only_first, "only_second": only_second, "p": p}


p_values = [0.04, 0.001, 0.03, 0.03, 0.7, 0.0125]
golden = {
    "answers": [
        with_interval(case)
        for case in (
            answers(60, 5), answers(40, 5, absent=(2,)), answers(25, 2), answers(30, 7)
        )
    ],
    "quantiles": [
        {"share": share, "freedom": freedom, "t": stats.t.ppf(share, freedom)}
        for share in (0.025, 0.6, 0.95, 0.975, 0.9995)
        for freedom in (1, 2, 4, 9, 30, 1000)
    ],
    "spreads": [spread([0.4596, 0.4708, 0.51]), spread([0.5, 0.25, 0.625, 0.5, 0.375])],
    "mcnemar": [paired(b, c) for b, c in ((0, 0), (3, 3), (1, 9), (40, 21), (0, 60), (300, 341))],
    "holm": {"p": p_values, "corrected": multipletests(p_values, method="holm")[1].tolist()},
}


path = pathlib.Path(__file__).with_name("measures.json")
path.write_text(json.dumps(golden, cls=Plain, separators=(",", ":")) + "\n")

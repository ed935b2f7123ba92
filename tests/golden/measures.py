"""Writes measures.json: what scikit-learn, SciPy and statsmodels say, for src/measure/golden.rs.

python3 tests/golden/measures.py   # needs numpy, scipy, scikit-learn, statsmodels
"""

import json
import pathlib

import numpy
from scipy import stats
from sklearn import metrics
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

random = numpy.random.default_rng(2021)


def answers(images, classes, absent=()):
    weights = numpy.array([0.0 if c in absent else 1.0 / (c + 1) for c in range(classes)])
    labels = random.choice(classes, images, p=weights / weights.sum())
    raw = random.random((images, classes)) + 0.6 * numpy.eye(classes)[labels]
    # Two decimals make many ties.
    probabilities = numpy.round(raw / raw.sum(1, keepdims=True), 2)
    predicted = probabilities.argmax(1)
    every = list(range(classes))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, predicted, labels=every, zero_division=0
    )
    seen = numpy.bincount(predicted, minlength=classes)
    auc = [
        metrics.roc_auc_score(labels == c, probabilities[:, c]) if support[c] else None
        for c in every
    ]
    correct = int((labels == predicted).sum())
    return {
        "labels": labels.tolist(),
        "probabilities": probabilities.tolist(),
        "predicted": predicted.tolist(),
        "accuracy": metrics.accuracy_score(labels, predicted),
        "interval": proportion_confint(correct, images, method="wilson"),
        "majority": numpy.bincount(labels).max() / images,
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, predicted),
        "macro_f1": metrics.f1_score(labels, predicted, average="macro"),
        "kappa": metrics.cohen_kappa_score(labels, predicted, labels=every, weights="quadratic"),
        "confusion": metrics.confusion_matrix(labels, predicted, labels=every).tolist(),
        "precision": [p if seen[c] else None for c, p in enumerate(precision)],
        "recall": [r if support[c] else None for c, r in enumerate(recall)],
        "f1": [f if seen[c] + support[c] else None for c, f in enumerate(f1)],
        "auc": auc,
        "macro_auc": numpy.mean([a for a in auc if a is not None]),
    }


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
    "answers": [answers(60, 5), answers(40, 5, absent=(2,)), answers(25, 2), answers(30, 7)],
    "quantiles": [
        {"share": share, "freedom": freedom, "t": stats.t.ppf(share, freedom)}
        for share in (0.025, 0.6, 0.95, 0.975, 0.9995)
        for freedom in (1, 2, 4, 9, 30, 1000)
    ],
    "spreads": [spread([0.4596, 0.4708, 0.51]), spread([0.5, 0.25, 0.625, 0.5, 0.375])],
    "mcnemar": [paired(b, c) for b, c in ((0, 0), (3, 3), (1, 9), (40, 21), (0, 60), (300, 341))],
    "holm": {"p": p_values, "corrected": multipletests(p_values, method="holm")[1].tolist()},
}


class Plain(json.JSONEncoder):
    def default(self, value):
        return value.item()


path = pathlib.Path(__file__).with_name("measures.json")
path.write_text(json.dumps(golden, cls=Plain, separators=(",", ":")) + "\n")

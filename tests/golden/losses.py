"""Writes losses.json: losses of logits, step sizes of schedules, as PyTorch, torchvision and coral-pytorch have them,
for `src/ml/loss.rs`, `src/ml/step_size.rs` and `src/stages/train_classifier/tests.rs`.

    python tests/golden/losses.py > tests/golden/losses.json

Written with torch 2.11.0, torchvision 0.26.0 and coral-pytorch 1.4.0.
"""

import json
import warnings

import torch
from coral_pytorch.losses import coral_loss
from coral_pytorch.dataset import levels_from_labelbatch
from torch.optim import lr_scheduler
from torchvision.ops import sigmoid_focal_loss

CLASSES, COUNT = 5, 7
BASE = 0.02


def losses():
    torch.manual_seed(3)
    logits = (torch.randn(COUNT, CLASSES) * 2).double()
    labels = torch.tensor([0, 4, 2, 2, 1, 3, 0])
    weights = torch.tensor([0.5, 1.5, 3.0, 0.25, 2.0]).double()
    cases = []
    for smoothing in (0.0, 0.1, 0.7):
        for weighted in (False, True):
            x = logits.clone().requires_grad_(True)
            loss = torch.nn.functional.cross_entropy(
                x, labels, weight=weights if weighted else None, label_smoothing=smoothing)
            loss.backward()
            cases.append({"smoothing": smoothing, "weighted": weighted, "loss": loss.item(),
                          "gradient": x.grad.tolist()})
    binary = []
    for gamma in (0.0, 0.5, 2.0, 5.0):
        x, y = logits[:, 0], labels % 2
        loss = sigmoid_focal_loss(x, y.double(), alpha=-1, gamma=gamma, reduction="mean")
        binary.append({"gamma": gamma, "logits": x.tolist(), "labels": y.tolist(), "loss": loss.item()})
    x = logits[:, :CLASSES - 1]
    coral = coral_loss(x, levels_from_labelbatch(labels, CLASSES).double())
    return {"logits": logits.tolist(), "labels": labels.tolist(), "weights": weights.tolist(), "cases": cases,
            "binary": binary,
            "coral": {"logits": x.tolist(), "labels": labels.tolist(), "loss": coral.item()}}


def rates(steps, schedule):
    """The step size before each step."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)
    scheduler, found = schedule(optimiser), []
    for _ in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return found


def warm(steps):
    return lambda optimiser: lr_scheduler.LinearLR(
        optimiser, start_factor=1 / steps, end_factor=1.0, total_iters=steps - 1)


def cosine(steps):
    return lambda optimiser: lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)


def one_cycle(steps):
    return lambda optimiser: lr_scheduler.OneCycleLR(optimiser, max_lr=BASE, total_steps=steps, cycle_momentum=False)


def both(first, steps, second):
    return lambda optimiser: lr_scheduler.SequentialLR(optimiser, [first(optimiser), second(optimiser)], [steps])


def schedules():
    return [
        {"decay": "cosine", "warm_up": 0, "base": BASE, "rates": rates(40, cosine(40))},
        {"decay": "cosine", "warm_up": 7, "base": BASE, "rates": rates(40, both(warm(7), 7, cosine(33)))},
        {"decay": "one-cycle", "warm_up": 0, "base": BASE, "rates": rates(40, one_cycle(40))},
        {"decay": "one-cycle", "warm_up": 0, "base": BASE, "rates": rates(3, one_cycle(3))},
        {"decay": None, "warm_up": 7, "base": BASE, "rates": rates(40, warm(7))},
        {"decay": None, "warm_up": 0, "base": BASE, "rates": [BASE] * 3},
    ]


def main():
    warnings.simplefilter("ignore")  # SequentialLR's own use of a deprecated argument
    step = rates(10, lambda optimiser: lr_scheduler.StepLR(optimiser, step_size=3, gamma=0.5))
    print(json.dumps({**losses(), "schedules": schedules(), "step": step}))


main()

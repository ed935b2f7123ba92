"""Writes steps.json: logits in training mode, moments of first weights, a step of Adam, ten iterations of a
WGAN, as torchvision and PyTorch have them, for `tests/torch/steps.rs`.

The WGAN's start and draws come from the program `tests/parity/ours.rs`, so this needs Rust:

    .ci/with-libtorch python tests/golden/steps.py > tests/golden/steps.json
"""

import json
import os
import sys
import tempfile

import numpy as np
import torch

sys.path[:0] = ["tests/parity"]
import live
import networks
import reference

LOGITS = ["resnet18", "resnet50", "densenet121"]
DRAWN = ["resnet34", "resnet50", "densenet121", "densenet161"]
STEPPED = ["resnet18", "densenet121"]
ADAM = {"learning_rate": 1e-3, "betas": [0.8, 0.99]}
WGAN = {"shape": {"latent": 8, "generator_width": 16, "critic_width": 8}, "batch": 8, "epochs": 10,
        "learning_rate": 5e-5, "penalty": None}


def filled(name):
    net = networks.network(name)
    net.load_state_dict(networks.weights(net.state_dict()))
    return net.train().double()


def logits(name):
    """Logits in 64 bits, and how far PyTorch's own in 32 bits are from them, in either memory layout."""
    images, errors = networks.images(6, 64, 64), []
    with torch.no_grad():
        exact = filled(name)(images.double())
        for layout in (torch.contiguous_format, torch.channels_last):
            net = filled(name).float().to(memory_format=layout)
            errors.append((net(images.contiguous(memory_format=layout)) - exact).abs().max().item())
    return {"network": name, "error": max(errors), "logits": exact.tolist()}


def kind(name, tensor):
    """What a layer is: the name without its numbers, and the dimensions."""
    return f"{''.join(letter for letter in name if not letter.isdigit())} {tensor.dim()}"


def moments(name):
    """Count, mean, deviation and fourth moment of the numbers of each kind of layer, after each tensor is
    scaled by the root of the numbers that come in, or that go out."""
    torch.manual_seed(1)
    kinds = {}
    for key, tensor in reference.network(name, classes=1000).state_dict().items():
        if tensor.dim() == 0:
            continue
        ways = [tensor[0].numel(), tensor.numel() // tensor.shape[1]] if tensor.dim() > 1 else [1, 1]
        for way, count in zip(("in", "out"), ways):
            kinds.setdefault(f"{kind(key, tensor)} {way}", []).append(tensor.double().flatten() * count**0.5)
    rows = {}
    for key, parts in kinds.items():
        x = torch.cat(parts)
        deviation = x.std(correction=0).item()
        fourth = ((x - x.mean()) ** 4).mean().item() / deviation**4 if deviation else 0
        rows[key] = [x.numel(), x.mean().item(), deviation, fourth]
    return {"network": name, "moments": rows}


def step(name):
    """The weight of each tensor with the largest gradient, and the one in the middle, after a step."""
    net, labels = filled(name), torch.arange(6) % networks.CLASSES
    given = reference.gradients(net, networks.images(6, 64, 64).double(), labels)
    after, rows = reference.adam(net, given, **ADAM), []
    for key, gradient in given.items():
        order = gradient.abs().flatten().argsort()
        for place in {int(order[-1]), int(order[len(order) * 3 // 4])}:
            if gradient.flatten()[place].abs() > 1e-5:
                rows.append([key, place, after[key].flatten()[place].item()])
    return {"network": name, "after": rows}


def wgan():
    """Losses, and every 20th number of each of the critic's tensors at the end."""
    ours = live.Ours(live.build()["parity"])
    with tempfile.TemporaryDirectory() as folder:
        pixels = np.floor((networks.draw("images", 40 * 16 * 16 * 3) + 1) * 128).astype(np.uint8)
        path = os.path.join(folder, "images")
        pixels.tofile(path)
        job = {**WGAN, "folder": folder, "images": {"path": path, "side": 16, "classes": 5}}
        ours.ask("wgan", **job)
        start, _, drawn = live.gan_files(folder)
        losses, after = reference.wgan(WGAN, pixels.reshape(40, 16, 16, 3), start, drawn, torch.float64)
    numbers = {name: [round(x, 7) for x in tensor.flatten()[::20].tolist()]
               for name, tensor in sorted(after["critic"].items()) if tensor.is_floating_point()}
    return {"critic_loss": losses["critic"], "generator_loss": losses["generator"], "critic": numbers}


torch.set_num_threads(2)
print(json.dumps({
    "logits": [logits(name) for name in LOGITS],
    "moments": [moments(name) for name in DRAWN],
    "steps": [step(name) for name in STEPPED],
    "wgan": wgan(),
}).replace('}, {"network"', '},\n {"network"').replace(' "moments"', '\n "moments"'))

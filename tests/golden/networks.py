"""Writes networks.json: tensors, answers and losses of torchvision's networks, for `tests/torch/parity.rs`.

Weights and images come from a formula that the test repeats, so the file stays small.

Usage: python tests/golden/networks.py > tests/golden/networks.json
"""

import json

import numpy as np
import torch
import torchvision

NETWORKS = [
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
    "densenet121", "densenet161", "densenet169", "densenet201",
]
ANSWERED = [("resnet18", 64, 64), ("resnet101", 64, 64), ("densenet121", 64, 64), ("densenet121", 40, 72)]
TRAINED = ["resnet18", "densenet121"]
CLASSES = 5
MASK = (1 << 64) - 1
MEAN, DEVIATION = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]


def fnv(text):
    """FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def draw(name, count):
    """Numbers from -1 to 1: SplitMix64 at the places after the name's hash."""
    with np.errstate(over="ignore"):
        x = np.uint64(fnv(name)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(40)).astype(np.float64) / 2**23 - 1


def weights(state):
    """The formula: fan-in scaled weights, and batch normalisations near but not at their defaults."""
    made = {}
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked"):
            made[name] = torch.tensor(3)
            continue
        numbers = draw(name, tensor.numel())
        if tensor.dim() > 1:
            numbers = numbers * np.sqrt(6 / tensor[0].numel()) * 0.5
        elif name.endswith("running_var"):
            numbers = 1 + 0.5 * numbers
        elif name.endswith("weight"):
            numbers = 1 + 0.2 * numbers
        else:
            numbers = 0.1 * numbers
        made[name] = torch.from_numpy(numbers.astype(np.float32)).view(tensor.shape)
    return made


def images(count, height, width):
    numbers = draw("images", count * height * width * 3)
    pixels = np.floor((numbers + 1) * 128).astype(np.uint8).reshape(count, height, width, 3)
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return (batch - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)


def network(name):
    return getattr(torchvision.models, name)(num_classes=CLASSES)


def answers(name, height, width):
    net = network(name)
    net.load_state_dict(weights(net.state_dict()))
    with torch.no_grad():
        logits = net.eval().double()(images(2, height, width).double())
    return {"network": name, "height": height, "width": width,
            "log_probabilities": logits.log_softmax(1).tolist()}


def losses(name):
    """Four Adam steps on one batch that is the whole set, in double precision.

    At 32 x 32, or with longer steps, 32-bit losses depend on the order within the batch: PyTorch's
    own differ by 0.3 %.
    """
    net = network(name)
    net.load_state_dict(weights(net.state_dict()))
    net = net.train().double()
    adam = torch.optim.Adam(net.parameters(), lr=1e-5, betas=(0.8, 0.99), weight_decay=0.01)
    batch, labels, found = images(6, 64, 64).double(), torch.arange(6) % CLASSES, []
    for _ in range(4):
        adam.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(batch), labels)
        loss.backward()
        adam.step()
        found.append(loss.item())
    return {"network": name, "losses": found}


def tensors(name):
    torch.manual_seed(0)
    state = network(name).state_dict()
    lines = sorted(f"{key} {list(tensor.shape)}\n" for key, tensor in state.items())
    trained = sum(parameter.numel() for parameter in network(name).parameters())
    spread = {key: tensor.std().item() for key, tensor in state.items() if tensor.numel() >= 100_000}
    few = dict(list(spread.items())[:: max(1, len(spread) // 8)])
    return {"network": name, "tensors": len(lines), "parameters": trained,
            "names": f"{fnv(''.join(lines)):016x}", "deviations": few}


if __name__ == "__main__":
    torch.set_num_threads(2)
    print(json.dumps({
        "tensors": [tensors(name) for name in NETWORKS],
        "answers": [answers(*case) for case in ANSWERED],
        "losses": [losses(name) for name in TRAINED],
    }, indent=1))

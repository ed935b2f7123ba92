"""Writes variants.json: answers of networks that depart from torchvision's, for `tests/torch/parity.rs`.

    python tests/golden/variants.py > tests/golden/variants.json

Written with torch 2.11.0, torchvision 0.26.0 and coral-pytorch 1.4.0.
"""

import json

import networks
import torch
from coral_pytorch.layers import CoralLayer


def answers(name, stem, head):
    """Log-probabilities, of ordered classes the differences between neighbouring thresholds."""
    net, (height, width) = networks.network(name), (16, 24)
    if stem == "cifar":
        net.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        net.maxpool = torch.nn.Identity()
    if head == "coral":
        net.fc = CoralLayer(net.fc.in_features, networks.CLASSES)
    names = {"fc.coral_weights.weight": "fc.weight", "fc.coral_bias": "fc.bias"}
    state = {names.get(key, key): tensor for key, tensor in net.state_dict().items()}
    made = networks.weights(state)
    net.load_state_dict({key: made[names.get(key, key)] for key in net.state_dict()})
    with torch.no_grad():
        logits = net.eval().double()(networks.images(2, height, width).double())
    if head == "softmax":
        found = logits.log_softmax(1)
    else:
        above = logits.sigmoid().cummin(1).values
        ends = torch.ones(len(above), 1).double(), torch.zeros(len(above), 1).double()
        found = (torch.cat([ends[0], above], 1) - torch.cat([above, ends[1]], 1)).log()
    return {"network": name, "variant": {"stem": stem, "head": head}, "height": height, "width": width,
            "log_probabilities": found.clamp_min(-1e3).tolist()}


if __name__ == "__main__":
    print(json.dumps([
        answers("resnet18", "cifar", "softmax"),
        answers("resnet50", "cifar", "softmax"),
        answers("resnet18", "imagenet", "coral"),
        answers("resnet34", "cifar", "coral"),
    ]))

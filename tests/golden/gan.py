"""Writes gan.json: what a GAN's parts give and their gradients, as PyTorch has them, for `src/ml/golden.rs` and
`src/ml/diff_augment.rs`: three ways to double an image, spectral normalisation, networks that are told classes, DiffAugment.

Weights, latent vectors and images come from a formula that the tests repeat. DiffAugment is that of Zhao et al. (2020),
`DiffAugment_pytorch.py`, with numbers that are given in the place of drawn ones. Made with torch 2.11.0, numpy 2.

Usage: python tests/golden/gan.py > tests/golden/gan.json
"""

import json
import sys

import torch
import torch.nn.functional as F
from torch.nn.utils.parametrizations import spectral_norm

sys.path[:0] = ["tests/golden", "tests/parity"]
import networks
import reference

SIZE, LATENT, WIDTH, BATCH = 16, 3, 4, 3
CLASSES = torch.tensor([0, 2, 1])
GENERATORS = [("transposed-5x5", 3), ("transposed-4x4", 0), ("resize", 3)]
CRITICS = [("none", True, 3), ("batch", False, 3), ("none", True, 0)]


class Resize(torch.nn.Conv2d):
    def forward(self, x):
        return super().forward(F.interpolate(x, scale_factor=2, mode="nearest"))


DOUBLINGS = {
    "transposed-5x5": lambda a, b: torch.nn.ConvTranspose2d(a, b, 5, 2, padding=2, output_padding=1, bias=False),
    "transposed-4x4": lambda a, b: torch.nn.ConvTranspose2d(a, b, 4, 2, padding=1, bias=False),
    "resize": lambda a, b: Resize(a, b, 3, padding=1, bias=False),
}


class Generator(reference.Generator):
    def __init__(self, way, classes):
        super().__init__(SIZE, LATENT * 2 if classes else LATENT, WIDTH)
        self.doublings = torch.nn.ModuleList(
            DOUBLINGS[way](a, b) for a, b in zip([WIDTH, WIDTH // 2], [WIDTH // 2, 3])
        )
        self.classes = torch.nn.Embedding(classes, LATENT) if classes else None

    def forward(self, z):
        return super().forward(z if self.classes is None else torch.cat([z, self.classes(CLASSES)], 1))


class Critic(reference.Critic):
    def __init__(self, norm, spectral, classes):
        super().__init__(SIZE, WIDTH, False)
        if norm == "none":
            self.norms = torch.nn.ModuleDict()
        self.classes = torch.nn.Embedding(classes, self.score.in_features) if classes else None
        if spectral:
            for layer in [*self.convs, self.score] + ([self.classes] if classes else []):
                spectral_norm(layer)

    def forward(self, x):
        for index, conv in enumerate(self.convs):
            x = conv(x)
            x = self.norms[str(index)](x) if str(index) in self.norms else x
            x = F.leaky_relu(x, 0.2)
        x = x.flatten(1)
        score = self.score(x).view(-1)
        return score if self.classes is None else score + (self.classes(CLASSES) * x).sum(1)


def fill(net):
    """Fills a network by the formula under the names of ours."""
    ours = lambda name: name.replace("parametrizations.weight.original", "weight").replace(
        "parametrizations.weight.0._", "weight_")
    state = net.state_dict()
    made = networks.weights({ours(name): tensor for name, tensor in state.items()})
    net.load_state_dict({name: made[ours(name)] for name in state})
    return net.double(), {ours(name): parameter for name, parameter in net.named_parameters()}


def formula(name, *shape):
    return torch.from_numpy(networks.draw(name, torch.Size(shape).numel())).view(shape)


def few(tensor, every):
    return [round(number, 9) for number in tensor.detach().flatten()[::every].tolist()]


def generator(way, classes):
    net, _ = fill(Generator(way, classes))
    z = formula("z", BATCH, LATENT)
    return {"way": way, "classes": classes, "train": few(net.train()(z), 17), "use": few(net.eval()(z), 17)}


def critic(norm, spectral, classes):
    """Scores of two passes in training, the gradients of the second, and scores in use after them."""
    net, named = fill(Critic(norm, spectral, classes))
    images = formula("images", BATCH, 3, SIZE, SIZE)
    first, second = net.train()(images), net(images)
    (second * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    gradients = {name: few(parameter.grad, 23) for name, parameter in sorted(named.items())}
    return {"norm": norm, "spectral": spectral, "classes": classes, "first": few(first, 1), "second": few(second, 1),
            "use": few(net.eval()(images), 1), "gradients": gradients}


BRIGHTNESS, SATURATION, CONTRAST = [0.25, -0.5], [1.5, 0.25], [0.5, 1.25]
SHIFTS, MIDDLES = [[1, -1], [0, 1]], [[0, 5], [8, 3]]


def each(numbers):
    return torch.tensor(numbers, dtype=torch.float64).view(-1, 1, 1, 1)


def colour(x):
    x = x + each(BRIGHTNESS)
    mean = x.mean(dim=1, keepdim=True)
    x = (x - mean) * each(SATURATION) + mean
    mean = x.mean(dim=[1, 2, 3], keepdim=True)
    return (x - mean) * each(CONTRAST) + mean


def grid(x, rows, columns):
    return torch.meshgrid(
        torch.arange(x.size(0)), torch.arange(rows), torch.arange(columns), indexing="ij")


def translation(x):
    translation_x, translation_y = torch.tensor(SHIFTS).view(-1, 2, 1, 1).unbind(1)
    grid_batch, grid_x, grid_y = grid(x, x.size(2), x.size(3))
    grid_x = torch.clamp(grid_x + translation_x + 1, 0, x.size(2) + 1)
    grid_y = torch.clamp(grid_y + translation_y + 1, 0, x.size(3) + 1)
    x_pad = F.pad(x, [1, 1, 1, 1, 0, 0, 0, 0])
    return x_pad.permute(0, 2, 3, 1).contiguous()[grid_batch, grid_x, grid_y].permute(0, 3, 1, 2)


def cutout(x):
    cutout_size = int(x.size(2) * 0.5 + 0.5), int(x.size(3) * 0.5 + 0.5)
    offset_x, offset_y = torch.tensor(MIDDLES).view(-1, 2, 1, 1).unbind(1)
    grid_batch, grid_x, grid_y = grid(x, *cutout_size)
    grid_x = torch.clamp(grid_x + offset_x - cutout_size[0] // 2, min=0, max=x.size(2) - 1)
    grid_y = torch.clamp(grid_y + offset_y - cutout_size[1] // 2, min=0, max=x.size(3) - 1)
    mask = torch.ones(x.size(0), x.size(2), x.size(3), dtype=x.dtype)
    mask[grid_batch, grid_x, grid_y] = 0
    return x * mask.unsqueeze(1)


def change(way):
    """What a change makes of images, and the gradient through it."""
    images = formula("images", 2, 3, 8, 8).requires_grad_(True)
    changed = {"colour": colour, "translation": translation, "cutout": cutout}[way](images)
    (gradient,) = torch.autograd.grad((changed * formula("slope", 2, 3, 8, 8)).sum(), images)
    return {"way": way, "changed": few(changed, 1), "gradient": few(gradient, 1)}


print(json.dumps({
    "generators": [generator(*case) for case in GENERATORS],
    "critics": [critic(*case) for case in CRITICS],
    "draws": {"brightness": BRIGHTNESS, "saturation": SATURATION, "contrast": CONTRAST, "shifts": SHIFTS,
              "middles": MIDDLES},
    "changes": [change(way) for way in ("colour", "translation", "cutout")],
}).replace('}, {"', '},\n {"'))

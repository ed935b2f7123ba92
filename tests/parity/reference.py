"""PyTorch's side of the comparisons: torchvision's networks, Adam, and a WGAN written down once more.

Knows nothing of `ablate` but the names in its files and how a checkpoint lays memory out.
"""

import json
import struct

import numpy as np
import torch
import torchvision

NETWORKS = [
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
    "densenet121", "densenet161", "densenet169", "densenet201",
]
MEAN, DEVIATION = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
KINDS = {"F32": np.float32, "F64": np.float64, "I64": np.int64}


def read(path):
    """Returns the tensors of a `.safetensors` file."""
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    about = json.loads(data[8 : 8 + length])
    about.pop("__metadata__", None)
    found = {}
    for name, tensor in about.items():
        start, end = (8 + length + offset for offset in tensor["data_offsets"])
        numbers = np.frombuffer(data[start:end], KINDS[tensor["dtype"]]).reshape(tensor["shape"])
        found[name] = torch.from_numpy(numbers.copy())
    return found


def write(path, tensors):
    """Writes tensors as a `.safetensors` file."""
    about, parts, end = {}, [], 0
    for name, tensor in tensors.items():
        kind = "I64" if tensor.dtype == torch.int64 else "F32"
        parts.append(tensor.detach().contiguous().numpy().tobytes())
        about[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [end, end + len(parts[-1])]}
        end += len(parts[-1])
    head = json.dumps(about).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head + b"".join(parts))


def batch(pixels, mean=MEAN, deviation=DEVIATION):
    """Returns bytes `[n, h, w, 3]` as images `[n, 3, h, w]`, normalised to the very bits that networks here see."""
    scale = torch.tensor([1 / (255 * one) for one in deviation]).float()
    shift = torch.tensor([-one / other for one, other in zip(mean, deviation)]).float()
    return torch.addcmul(shift, torch.from_numpy(pixels).float(), scale).permute(0, 3, 1, 2)


def network(name, state=None, classes=5, layout=torch.channels_last):
    """Returns a network of torchvision; a state must have its very names and shapes.

    `ablate` keeps channels last in memory. In the other layout PyTorch adds up in another order.
    """
    net = getattr(torchvision.models, name)(num_classes=classes)
    if state is not None:
        net.load_state_dict(state, strict=True)
    return net.to(memory_format=layout)


def logits(net, images):
    """Returns logits in both modes; of the statistics in the network nothing is left as it was."""
    with torch.no_grad():
        return {"eval": net.eval()(images), "train": net.train()(images)}


def gradients(net, images, labels):
    """Returns the gradients of the mean cross-entropy in training mode, by name."""
    net.train().zero_grad()
    torch.nn.functional.cross_entropy(net(images), labels).backward()
    return {name: parameter.grad.clone() for name, parameter in net.named_parameters()}


def adam(net, given, learning_rate, betas):
    """Takes one step of `torch.optim.Adam` with the given gradients; returns the new parameters by name."""
    optimiser = torch.optim.Adam(net.parameters(), lr=learning_rate, betas=betas)
    for name, parameter in net.named_parameters():
        parameter.grad = given[name].to(parameter.dtype).clone()
    optimiser.step()
    return {name: parameter.detach().clone() for name, parameter in net.named_parameters()}


def unflatten(flat, shapes):
    """Takes a checkpoint's flat buffer apart: sorted by name, 64-byte aligned, channels of images last."""
    start, found = 0, {}
    for name in sorted(shapes):
        shape = list(shapes[name])
        length = int(np.prod(shape))
        piece = flat[start : start + length]
        if len(shape) == 4:
            a, b, c, d = shape
            found[name] = piece.view(a, c, d, b).permute(0, 3, 1, 2).contiguous()
        else:
            found[name] = piece.view(shape)
        start += length + -length % 16
    assert start == flat.numel(), (start, flat.numel())
    return found


class Generator(torch.nn.Module):
    """A latent vector becomes a 4 x 4 map, which doubles to the size of the images."""

    def __init__(self, size, latent, width):
        super().__init__()
        count = (size // 4).bit_length() - 1
        widths = [width >> index for index in range(count)] + [3]
        self.project = torch.nn.Linear(latent, width * 16)
        self.norms = torch.nn.ModuleList(torch.nn.BatchNorm2d(width) for width in widths[:-1])
        self.doublings = torch.nn.ModuleList(
            torch.nn.ConvTranspose2d(a, b, 5, stride=2, padding=2, output_padding=1, bias=False)
            for a, b in zip(widths, widths[1:])
        )

    def forward(self, z):
        x = self.project(z).unflatten(1, (-1, 4, 4))
        for norm, doubling in zip(self.norms, self.doublings):
            x = doubling(torch.relu(norm(x)))
        return torch.tanh(x)


class Critic(torch.nn.Module):
    """An image halves down to 4 x 4, then to a number; with a penalty its norms do not look at the batch."""

    def __init__(self, size, width, penalised):
        super().__init__()
        widths = [3] + [width << index for index in range((size // 4).bit_length() - 1)]
        norm = (lambda width: torch.nn.GroupNorm(1, width)) if penalised else torch.nn.BatchNorm2d
        self.convs = torch.nn.ModuleList(
            torch.nn.Conv2d(a, b, 5, stride=2, padding=2, bias=False) for a, b in zip(widths, widths[1:])
        )
        self.norms = torch.nn.ModuleDict({str(i): norm(width) for i, width in enumerate(widths[1:]) if i > 0})
        self.score = torch.nn.Linear(widths[-1] * 16, 1, bias=False)

    def forward(self, x):
        for index, conv in enumerate(self.convs):
            x = conv(x)
            x = self.norms[str(index)](x) if index > 0 else x
            x = torch.nn.functional.leaky_relu(x, 0.2)
        return self.score(x.flatten(1)).view(-1)


def penalty(critic, real, fake, shares):
    """`E[(||grad D(x)|| - 1)^2]` between real and generated images (Gulrajani et al. 2017)."""
    mixed = (fake + (real - fake) * shares.view(-1, 1, 1, 1)).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    return ((slope.flatten(1).square().sum(1).sqrt() - 1) ** 2).mean()


def wgan(job, pixels, start, drawn, kind):
    """Trains from a start, with images in the order drawn and the latent vectors drawn.

    Returns the losses of each iteration, the critic's as their mean, and both networks' tensors.
    """
    shape, size, weight = job["shape"], pixels.shape[1], job["penalty"]
    generator = Generator(size, shape["latent"], shape["generator_width"])
    critic = Critic(size, shape["critic_width"], weight is not None)
    generator.load_state_dict(start["generator"], strict=True)
    critic.load_state_dict(start["critic"], strict=True)
    last = {"memory_format": torch.channels_last}
    generator, critic = generator.to(kind, **last).train(), critic.to(kind, **last).train()
    if weight is None:
        rule = lambda net: torch.optim.RMSprop(net.parameters(), lr=job["learning_rate"])
    else:
        rule = lambda net: torch.optim.Adam(net.parameters(), lr=job["learning_rate"], betas=(0.0, 0.9))
    of_generator, of_critic = rule(generator), rule(critic)
    images = batch(pixels, [0.5] * 3, [0.5] * 3).to(kind)
    drawn = {name: tensor if name == "order" else tensor.to(kind) for name, tensor in drawn.items()}
    losses, step = {"critic": [], "generator": []}, 0
    for epoch, order in enumerate(drawn["order"]):
        found = []
        for indices in order.split(job["batch"]):
            real = images[indices]
            with torch.no_grad():
                fake = generator(drawn["latent"][step])
            loss = -critic(real).mean() + critic(fake).mean()
            if weight is not None:
                loss = loss + weight * penalty(critic, real, fake, drawn["shares"][step])
            of_critic.zero_grad()
            loss.backward()
            of_critic.step()
            if weight is None:
                with torch.no_grad():
                    for parameter in critic.parameters():
                        parameter.clamp_(-0.01, 0.01)
            found.append(loss.item())
            step += 1
        loss = -critic(generator(drawn["generator_latent"][epoch])).mean()
        of_generator.zero_grad()
        loss.backward()
        of_generator.step()
        losses["critic"].append(sum(found) / len(found))
        losses["generator"].append(loss.item())
    return losses, {"generator": generator.state_dict(), "critic": critic.state_dict()}

"""Times training steps in PyTorch as `tests/bench/steps.rs` times the worker's.

Reads one line of JSON from stdin, {"case": "resnet101", "steps": 12, "threads": 2, "how": ["bf16"]}, and writes
the seconds of each step and the peak of memory as JSON. Cases: the networks of torchvision on batches of 64 images of
64 x 64, and `wgan`: five critic steps and one generator step of the paper's size on batches of `batch`, 8. How: nothing
for eager as it is usually written, or any of `channels_last`, `bf16` (autocast), `fused` (optimiser) and `compile`.
"""

import contextlib
import json
import resource
import sys
import time

import torch
import torchvision
from torch import nn


def autocast():
    return torch.autocast("cpu", torch.bfloat16) if "bf16" in how else contextlib.nullcontext()


def placed(net):
    """Returns a network as it is to be run."""
    if "channels_last" in how:
        net = net.to(memory_format=torch.channels_last)
    return torch.compile(net) if "compile" in how else net


def batched(batch):
    return batch.contiguous(memory_format=torch.channels_last) if "channels_last" in how else batch


def classifier(name):
    """One step: bytes to a normalised batch, forward, cross-entropy, backward, Adam."""
    net = placed(getattr(torchvision.models, name)(num_classes=5).train())
    adam = torch.optim.Adam(net.parameters(), lr=1e-4, fused="fused" in how or None)
    images = torch.randint(0, 256, (64, 64, 64, 3), dtype=torch.uint8)
    labels = torch.arange(64) % 5

    def step():
        order = torch.randperm(64)
        batch = images[order].permute(0, 3, 1, 2).float().contiguous().div_(255).sub_(0.5).div_(0.5)
        adam.zero_grad()
        with autocast():
            logits = net(batched(batch))
            loss = nn.functional.cross_entropy(logits, labels[order])
        loss.backward()
        adam.step()
        return loss.item() + (logits.argmax(1) == labels[order]).sum().item()

    return step


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(100, 1024 * 16)
        layers, width = [nn.BatchNorm2d(1024), nn.ReLU(True)], 1024
        for outputs in [512, 256, 128]:
            layers += [nn.ConvTranspose2d(width, outputs, 5, 2, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.ReLU(True)]
            width = outputs
        layers += [nn.ConvTranspose2d(width, 3, 5, 2, 2, 1, bias=False), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z):
        return self.layers(self.project(z).view(-1, 1024, 4, 4))


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        layers, width = [], 3
        for outputs in [64, 128, 256, 512]:
            layers += [nn.Conv2d(width, outputs, 5, 2, 2, bias=False)]
            layers += [nn.BatchNorm2d(outputs)] if width > 3 else []
            layers += [nn.LeakyReLU(0.2, True)]
            width = outputs
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8192, 1, bias=False))

    def forward(self, images):
        return self.layers(images)


def wgan():
    """One cycle: five critic steps with clipping, one generator step, RMSprop."""
    generator, critic = placed(Generator()), placed(Critic())
    of_generator = torch.optim.RMSprop(generator.parameters(), lr=1e-4)
    of_critic = torch.optim.RMSprop(critic.parameters(), lr=1e-4)
    images = torch.randint(0, 256, (5 * batch_size, 64, 64, 3), dtype=torch.uint8)

    def latent():
        return torch.rand(batch_size, 100) * 2 - 1

    def step():
        order = torch.randperm(5 * batch_size)
        for index in range(5):
            batch = images[order[batch_size * index : batch_size * (index + 1)]]
            real = batch.permute(0, 3, 1, 2).float().contiguous().div_(127.5).sub_(1)
            with torch.no_grad(), autocast():
                fake = generator(latent())
            of_critic.zero_grad()
            with autocast():
                loss = critic(fake).mean() - critic(batched(real)).mean()
            loss.backward()
            of_critic.step()
            with torch.no_grad():
                for parameter in critic.parameters():
                    parameter.clamp_(-0.01, 0.01)
        of_generator.zero_grad()
        for parameter in critic.parameters():
            parameter.requires_grad_(False)
        with autocast():
            loss = -critic(generator(latent())).mean()
        loss.backward()
        of_generator.step()
        for parameter in critic.parameters():
            parameter.requires_grad_(True)
        return loss.item()

    return step


wish = json.loads(sys.stdin.readline())
how, batch_size = wish.get("how", []), wish.get("batch", 8)
torch.set_num_threads(wish["threads"])
step = wgan() if wish["case"] == "wgan" else classifier(wish["case"])
seconds = []
for _ in range(wish["steps"]):
    start = time.perf_counter()
    step()
    seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": seconds, "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))

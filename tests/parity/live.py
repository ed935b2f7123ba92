"""Compares the networks of `ablate` with torchvision's and PyTorch's, from outside, in one run.

    PYTORCH=python .ci/with-libtorch python tests/parity/live.py [NETWORK ...]

Weights pass through `ablate run` and `ablate get`, other numbers through `tests/parity/ours.rs`, which
calls the worker's code; PyTorch's side is `tests/parity/reference.py`. Prints Markdown tables, and
fails where something is out of bounds. `docs/results/parity.md` says what is compared, and why so.
"""

import datetime
import glob
import json
import math
import os
import platform
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torchvision

import reference

STUDY = "tests/parity/study.yaml"
BUILD = ["cargo", "build", "--locked", "--features", "torch", "--message-format", "json-render-diagnostics",
         "--bin", "ablate", "--bin", "ablate-worker", "--bench", "parity"]
SIDE, COUNT, CLASSES = 64, 8, 5
# Largest differences: of logits; of weights after one step; of the GAN's losses and weights.
LOGITS, STEP, GAN = 1e-5, 1e-6, 1e-4
# How many standard errors a moment of first weights may be off: 1 draw in 1.7 million is.
ERRORS = 5.0
# Adam of the comparison. With the first beta a half, a checkpoint holds half the gradient, to the bit.
ADAM = {"learning_rate": 1e-4, "betas": [0.5, 0.999]}
GANS = {
    "clipped, RMSprop": {"penalty": None, "learning_rate": 5e-5},
    "gradient penalty, Adam": {"penalty": 10.0, "learning_rate": 1e-4, "epochs": 1},
}
GAN_SHAPE = {"shape": {"latent": 100, "generator_width": 64, "critic_width": 16}, "batch": 8, "epochs": 10}


def build():
    """Builds what is compared; returns the paths of the programs by name."""
    output = subprocess.run(BUILD, stdout=subprocess.PIPE, text=True, check=True).stdout
    built = (json.loads(line) for line in output.splitlines())
    return {one["target"]["name"]: one["executable"] for one in built if one.get("executable")}


class Ours:
    """The program that runs the worker's code, job by job."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, job, **rest):
        self.process.stdin.write(json.dumps({"job": job, **rest}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the job `{job}` failed")
        return json.loads(line)


class Bounds:
    """What is out of bounds, to be said at the end."""

    def __init__(self):
        self.broken = []

    def check(self, what, found, bound):
        """Returns the number as text, marked where it is above its bound or none at all."""
        if found <= bound:
            return f"{found:.1e}"
        self.broken.append(f"{what}: {found:.2e}, at most {bound:.0e} expected")
        return f"**{found:.1e}**"


def pictures(folder, name, count, side, seed):
    """Writes images of noise as bytes; returns them, and what the program must know of them."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    path = os.path.join(folder, name)
    pixels.tofile(path)
    return pixels, {"path": path, "side": side, "classes": CLASSES,
                    "mean": reference.MEAN, "deviation": reference.DEVIATION}


def foreign(name):
    """Returns torchvision's weights: its own start, scales and shifts of batch normalisation moved, and
    statistics that fit, as those of a trained network do."""
    torch.manual_seed(2021)
    net = reference.network(name)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.8, 1.2)
                module.bias.uniform_(-0.1, 0.1)
                module.momentum = None
        for _ in range(3):
            net.train()(torch.randn(COUNT, 3, SIDE, SIDE) * 1.2)
    return net.state_dict()


def furthest(ours, theirs):
    """Returns the largest difference between two collections of tensors with the same names."""
    assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
    return max(float((ours[name].double() - theirs[name].double()).abs().max()) for name in ours)


def moments(ours, theirs):
    """Returns by how many standard errors mean, deviation and fourth moment of any tensor differ at most.

    Tensors of a single value must be the same; fourth moments tell a normal from a uniform
    distribution, and are looked at where there are 1,000 numbers or more.
    """
    worst = [0.0, 0.0, 0.0]
    for name, other in theirs.items():
        one, other = ours[name].double().flatten(), other.double().flatten()
        if other.numel() < 2 or other.std() == 0:
            worst[0] = max(worst[0], 0.0 if torch.equal(one, other) else math.inf)
            continue
        count, deviation = other.numel(), float(other.std())
        fourth = lambda x: float(((x - x.mean()) ** 4).mean()) / float(x.var()) ** 2
        tail = fourth(other)
        mean = abs(float(one.mean() - other.mean())) / (deviation * math.sqrt(2 / count))
        # The variance of a sample's deviation is (fourth moment - 1) / 4n.
        spread = abs(float(one.std()) / deviation - 1) / math.sqrt((tail - 1) / (2 * count))
        # That of a normal sample's fourth moment is 24 / n; a uniform sample's is smaller.
        shape = abs(fourth(one) - tail) / math.sqrt(48 / count) if count >= 1000 else 0.0
        worst = [max(pair) for pair in zip(worst, (mean, spread, shape))]
    return worst


def compare_logits(ours, bounds, name, folder, exported):
    """Returns a row: exported weights in torchvision, torchvision's here, both modes; then how far PyTorch's
    other memory layout, and its 64 bits, are from its own answers."""
    pixels, images = pictures(folder, "images", COUNT, SIDE, 1)
    batch, cells = reference.batch(pixels), []
    theirs, taken = os.path.join(folder, "foreign.safetensors"), os.path.join(folder, "taken.safetensors")
    given = foreign(name)
    reference.write(theirs, given)
    ours.ask("start", network=name, classes=CLASSES, weights=theirs, to=taken)
    back = reference.read(taken)
    if back.keys() != given.keys() or not all(torch.equal(back[key], given[key]) for key in given):
        bounds.broken.append(f"{name}: torchvision's weights come back changed")
    largest = layouts = bits = 0.0
    for weights, state in ((exported, reference.read(exported)), (taken, given)):
        found = ours.ask("answer", network=name, weights=weights, images=images)
        expected = reference.logits(reference.network(name, state), batch)
        plain = reference.logits(reference.network(name, state, layout=torch.contiguous_format), batch.contiguous())
        exact = reference.logits(reference.network(name, state).double(), batch.double())
        for mode in ("eval", "train"):
            error = float((torch.tensor(found[mode]) - expected[mode]).abs().max())
            cells.append(bounds.check(f"{name}, logits, {mode}", error, LOGITS))
            largest = max(largest, float(expected[mode].abs().max()))
            layouts = max(layouts, float((plain[mode] - expected[mode]).abs().max()))
            bits = max(bits, float((exact[mode] - expected[mode]).abs().max()))
    return [name, *cells, f"{layouts:.1e}", f"{bits:.1e}", f"{largest:.1f}"]


def compare_start(ours, bounds, name, folder):
    """Returns a row: first weights beside torchvision's, moment by moment."""
    path = os.path.join(folder, "first.safetensors")
    ours.ask("start", network=name, classes=1000, weights=None, to=path)
    torch.manual_seed(7)
    expected = reference.network(name, classes=1000).state_dict()
    found = reference.read(path)
    assert found.keys() == expected.keys()
    worst = moments(found, expected)
    for what, number in zip(("mean", "deviation", "fourth moment"), worst):
        bounds.check(f"{name}, first weights, {what}, standard errors", number, ERRORS)
    return [name, str(len(found)), *(f"{number:.1f}" for number in worst)]


def compare_step(ours, bounds, name, folder):
    """Returns a row: one step of Adam, from the same gradients and from the same images."""
    pixels, images = pictures(folder, "images", COUNT, SIDE, 1)
    weights, checkpoints = os.path.join(folder, "foreign.safetensors"), os.path.join(folder, "checkpoints")
    state = foreign(name)
    reference.write(weights, state)
    os.makedirs(checkpoints)
    order = ours.ask("step", network=name, weights=weights, images=images, adam=ADAM, folder=checkpoints)["order"]
    (path,) = glob.glob(os.path.join(checkpoints, "epoch-000001*", "state.safetensors"))
    saved = reference.read(path)
    net = lambda: reference.network(name, state)
    shapes = {key: parameter.shape for key, parameter in net().named_parameters()}
    gradient = {key: 2 * half for key, half in reference.unflatten(saved["optimiser.first"], shapes).items()}
    stepped = {key: saved[f"network.{key}"] for key in shapes}
    batch, labels = reference.batch(pixels)[order], torch.tensor(order) % CLASSES
    theirs = reference.gradients(net(), batch, labels)
    after = reference.adam(net(), theirs, **ADAM)
    plain = reference.network(name, state, layout=torch.contiguous_format)
    plain = reference.adam(net(), reference.gradients(plain, batch.contiguous(), labels), **ADAM)
    length = lambda tensors: math.sqrt(sum(float(t.double().square().sum()) for t in tensors.values()))
    apart = length({key: gradient[key] - theirs[key] for key in shapes}) / length(theirs)
    share = lambda one: sum(int(((one[k] - after[k]).abs() > STEP).sum()) for k in one) / sum(
        math.prod(shape) for shape in shapes.values())
    given = furthest(stepped, reference.adam(net(), gradient, **ADAM))
    return [name, bounds.check(f"{name}, step from the same gradients", given, STEP),
            bounds.check(f"{name}, step from the same images", furthest(stepped, after), STEP),
            f"{apart:.1e}", f"{share(stepped):.1e}", f"{furthest(plain, after):.1e}", f"{share(plain):.1e}"]


def gan_files(folder):
    """Returns a GAN's tensors at the start and at the end, by network, and what was drawn on the way."""
    tensors = lambda when: {net: reference.read(os.path.join(folder, f"{when}-{net}.safetensors"))
                            for net in ("generator", "critic")}
    return tensors("start"), tensors("end"), reference.read(os.path.join(folder, "drawn.safetensors"))


def discs(count, side):
    """Returns images of a bright disc on dark ground, each at a place and of a colour of its own."""
    random = np.random.default_rng(3)
    down, across = np.mgrid[0:side, 0:side] / side
    images = []
    for _ in range(count):
        (x, y), radius = random.uniform(0.3, 0.7, 2), random.uniform(0.25, 0.35)
        inside = (np.hypot(across - x, down - y) < radius)[..., None]
        image = np.where(inside, random.uniform(120, 240, 3), random.uniform(0, 40, 3))
        images.append(image + random.normal(0, 6, image.shape))
    return np.clip(images, 0, 255).astype(np.uint8)


def compare_gan(ours, bounds, name, folder):
    """Returns rows: the iterations of a WGAN from the same start, here and by PyTorch; and by PyTorch twice,
    once from latent vectors that differ by a ten-millionth, which is what one rounding does."""
    pixels, path = discs(40, 32), os.path.join(folder, "real")
    pixels.tofile(path)
    job = {**GAN_SHAPE, **GANS[name]}
    images = {"path": path, "side": 32, "classes": CLASSES}
    losses = ours.ask("wgan", images=images, folder=folder, **job)
    start, end, drawn = gan_files(folder)
    run = lambda drawn: reference.wgan(job, pixels, start, drawn, torch.float32)
    torch.manual_seed(5)
    nudged = {key: x if key == "order" else x * (1 + 1e-7 * torch.randn(x.shape)) for key, x in drawn.items()}
    expected, after = run(drawn)
    rows = []
    for who, (loss, tensors) in (("ablate", (losses, end)), ("PyTorch, nudged", run(nudged))):
        check = bounds.check if who == "ablate" else lambda _what, found, _bound: f"{found:.1e}"
        cells = []
        for net in ("critic", "generator"):
            assert len(loss[net]) == len(expected[net]) == job["epochs"]
            error = max(abs(one - other) for one, other in zip(loss[net], expected[net]))
            cells.append(check(f"WGAN, {name}: loss of the {net}", error, GAN))
        for net in ("critic", "generator"):
            trained = [key for key in start[net] if "running" not in key and "tracked" not in key]
            apart = torch.cat([(tensors[net][key] - after[net][key]).abs().flatten() for key in trained])
            moved = torch.cat([(after[net][key] - start[net][key].clamp(-0.01, 0.01)).flatten() for key in trained])
            cells += [check(f"WGAN, {name}: weights of the {net}", float(apart.max()), GAN),
                      f"{float(apart.square().mean().sqrt()):.1e}", f"{float((apart > GAN).float().mean()):.1e}"]
            if net == "critic" and job["penalty"] is None and float(moved.square().mean().sqrt()) < 5 * GAN:
                bounds.broken.append(f"WGAN, {name}: the critic hardly moved, so the comparison says little")
            if net == "critic" and job["penalty"] is None and who == "ablate":
                largest = max(float(tensors[net][key].abs().max()) for key in trained)
                if largest != float(torch.tensor(0.01)):
                    bounds.broken.append(f"WGAN, {name}: the critic's largest weight is {largest}")
        rows.append([name, str(job["epochs"]), who, *cells])
    return rows


def table(title, columns, rows):
    """Prints a Markdown table; all columns but the first hold numbers."""
    print(f"\n## {title}\n\n| {' | '.join(columns)} |\n| --- |{' ---: |' * (len(columns) - 1)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    sys.stdout.flush()


def main():
    names = sys.argv[1:] or reference.NETWORKS
    torch.set_num_threads(2)
    programs, bounds = build(), Bounds()
    ours = Ours(programs["parity"])
    logits, starts, steps, gans = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        cache = ["--quiet", "--cache", os.path.join(folder, "cache")]
        axis = ["--set", f"axes.network=[{', '.join(names)}]"]
        subprocess.run([programs["ablate"], "run", STUDY, *axis, *cache], check=True)
        for name in names:
            got = os.path.join(folder, name)
            wanted = [programs["ablate"], "get", STUDY, f"fit[network={name}]", *axis, "--output", got, *cache]
            subprocess.run(wanted, stdout=subprocess.DEVNULL, check=True)
            logits.append(compare_logits(ours, bounds, name, got, f"{got}/classifier/weights.safetensors"))
            starts.append(compare_start(ours, bounds, name, got))
            steps.append(compare_step(ours, bounds, name, got))
    for name in GANS:
        with tempfile.TemporaryDirectory() as folder:
            gans += compare_gan(ours, bounds, name, folder)
    print(f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, "
          f"PyTorch {torch.__version__}, torchvision {torchvision.__version__}")
    table("Logits", ["network", "exported, eval", "exported, train", "torchvision's, eval", "torchvision's, train",
                     "PyTorch, other layout", "PyTorch, 64 bits", "largest logit"], logits)
    table("First weights", ["network", "tensors", "mean", "deviation", "fourth moment"], starts)
    table("A step of Adam", ["network", "same gradients", "same images", "gradients", "above 1e-6",
                             "PyTorch, other layout", "above 1e-6"], steps)
    table("WGAN", ["limit", "iterations", "beside PyTorch", "critic's loss", "generator's loss",
                   "critic's weights", "rms", "above 1e-4", "generator's weights", "rms", "above 1e-4"], gans)
    if bounds.broken:
        sys.exit("\nout of bounds:\n" + "\n".join(bounds.broken))


if __name__ == "__main__":
    main()

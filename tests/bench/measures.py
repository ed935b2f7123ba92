"""Compares the measures of generated images with those of prdc, torch-fidelity and scikit-learn.

    python3 tests/bench/measures.py [ROWS] [WIDTH] [ROUNDS]

Starts `cargo bench --bench measures` and, with the Python of the environment variable `PYTORCH` (`python3`
by default; it needs prdc, scikit-learn, torch and torch-fidelity), this file again, ROUNDS times each, in
turn, on two cores. Both read the same features. Prints a Markdown table; numbers that differ by more than
1e-6 of their size are an error, as are precision, recall, density and coverage less than 10 times as fast.
"""

import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

NEIGHBOURS = 5
COMPONENTS = 64
THREADS = 2
EXPECTED = 10.0
OURS = ["cargo", "bench", "--quiet", "--locked", "--bench", "measures"]
THEIRS = [os.environ.get("PYTORCH", "python3"), "-B", "tests/bench/measures.py"]


def make(wish):
    """Writes features like those of a network: not negative, and not independent."""
    import numpy

    random = numpy.random.default_rng(2021)
    rows, width = wish["rows"], wish["width"]
    mixing = random.normal(size=(64, width))
    for side, shift in [("real", 0.0), ("fake", 0.2)]:
        made = random.normal(size=(rows, 64)) @ mixing + random.normal(size=(rows, width)) + shift
        numpy.maximum(made, 0).astype("<f8").tofile(wish[side])
    state = numpy.random.RandomState(2020)
    size = min(1000, rows)
    pairs = [[state.choice(rows, size, replace=False).tolist() for _ in range(2)] for _ in range(100)]
    print(json.dumps(pairs))


def reference(wish):
    """Prints the seconds of each measure, and its numbers."""
    import numpy
    import torch
    from prdc import compute_prdc
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric

    torch.set_num_threads(THREADS)
    real, fake = (numpy.fromfile(wish[side]).reshape(-1, wish["width"]) for side in ("real", "fake"))
    seconds, numbers = {}, {}

    def timed(name, work):
        start = time.perf_counter()
        made = work()
        seconds[name] = time.perf_counter() - start
        return made

    compute_prdc(real[:50], fake[:50], NEIGHBOURS)
    numbers.update(timed("prdc", lambda: compute_prdc(real, fake, NEIGHBOURS)))
    NearestNeighbors(n_neighbors=NEIGHBOURS).fit(real[:50]).kneighbors(fake[:50])
    apart, _ = timed("near", lambda: NearestNeighbors(n_neighbors=NEIGHBOURS).fit(real).kneighbors(fake))
    numbers["apart"] = apart.mean()
    tensors = torch.from_numpy(real), torch.from_numpy(fake)
    kid = timed(
        "kid",
        lambda: kid_features_to_metric(
            *tensors, kid_subsets=100, kid_subset_size=min(1000, len(real)), rng_seed=2020, verbose=False
        ),
    )
    numbers["kid"] = kid["kernel_inception_distance_mean"]
    fid = timed(
        "fid",
        lambda: fid_statistics_to_metric(*map(fid_features_to_statistics, tensors), verbose=False),
    )
    numbers["fid"] = fid["frechet_inception_distance"]
    pca = timed("pca", lambda: PCA(COMPONENTS, svd_solver="full").fit(real))
    numbers["variance"] = pca.explained_variance_[0]
    print(json.dumps({"seconds": seconds, "numbers": {name: float(one) for name, one in numbers.items()}}))


def asked(command, wish):
    many = {name: str(THREADS) for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]}
    answer = subprocess.run(
        command, input=json.dumps(wish), stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **many}
    )
    return json.loads(answer.stdout.strip().splitlines()[-1])


def main():
    rows, width, rounds = (int(one) for one in (sys.argv[1:] + ["5000", "512", "3"][len(sys.argv) - 1 :]))
    subprocess.run([*OURS, "--no-run"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        wish = {"rows": rows, "width": width, "threads": THREADS, "neighbours": NEIGHBOURS, "components": COMPONENTS}
        wish |= {side: str(pathlib.Path(folder, side)) for side in ("real", "fake")}
        wish["subsets"] = asked([*THEIRS, "--make"], wish)
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(asked(OURS, wish))
            theirs.append(asked([*THEIRS, "--reference"], wish))
    for name, one in ours[0]["numbers"].items():
        other = theirs[0]["numbers"][name]
        if abs(one - other) > 1e-6 * max(1.0, abs(other)):
            sys.exit(f"{name} is {one}, and {other} in Python")
    print(f"{datetime.date.today()}, {platform.machine()}, {THREADS} cores, {rounds} rounds in turn\n")
    print(f"| of {rows:,} x {width} features | `ablate` | Python | ratio | least |")
    print("| --- | ---: | ---: | ---: | ---: |")
    titles = {
        "prdc": "precision, recall, density, coverage (prdc)",
        "near": f"the nearest {NEIGHBOURS} of each (scikit-learn)",
        "kid": "KID, 100 subsets of 1,000 (torch-fidelity)",
        "fid": "FID (torch-fidelity)",
        "pca": f"{COMPONENTS} principal components (scikit-learn)",
    }
    slow = False
    for name, title in titles.items():
        one, other = ([each["seconds"][name] for each in side] for side in (ours, theirs))
        ratios = [b / a for a, b in zip(one, other)]
        slow |= name == "prdc" and statistics.median(ratios) < EXPECTED
        print(
            f"| {title} | {statistics.median(one):.2f} s | {statistics.median(other):.2f} s "
            f"| {statistics.median(ratios):.1f} | {min(ratios):.1f} |"
        )
    if slow:
        sys.exit(f"neighbours are less than {EXPECTED:.0f} times as fast")


if __name__ == "__main__":
    if "--make" in sys.argv:
        make(json.load(sys.stdin))
    elif "--reference" in sys.argv:
        reference(json.load(sys.stdin))
    else:
        main()

"""What deciding on the exposures of a field together costs, beside deciding on each by itself.

    python benchmarks/consensus.py [--quick] [--n 2 4] [--repeats 3] [--output DIR]

The network has run before: both ways read the same exposures and probabilities and write the same files.
Seconds are those of the processor, medians of interleaved runs, each a process of its own; ``per_pair_s`` is
the difference over the number of pairs, N (N - 1) / 2, each of which is compared both ways; ``more_mb`` is
the difference of the peaks of memory.
"""

import common
from exposures import Data, in_child


def main():
    """Measure every field and number of exposures."""
    parser = common.parser(__doc__, ("cost",))
    parser.add_argument("--n", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--fields", nargs="+", default=["sparse", "crowded"])
    arguments = parser.parse_args()
    common.measure("consensus", {"cost": lambda: _cost(arguments)}, arguments)


def _cost(arguments):
    shape = common.QUICK_SIZE if arguments.quick else common.FULL_SIZE
    rows = []
    for field in arguments.fields:
        with Data(shape, n=max(arguments.n), field=field) as data:
            for n in arguments.n:
                rows.append({"field": field, "n": n, **_figures(data, n, arguments.repeats)})
    return common.table(rows, ["CPU seconds; MB of 1e6 bytes"])


def _figures(data, n, repeats):
    data.copies(n)
    directory = data.root / "work"
    in_child(directory, "run", "auto")
    measured = {"no": [], "yes": []}  # by the parameter `consensus`
    for _ in range(repeats):
        for consensus, runs in measured.items():
            runs.append(in_child(directory, "decide", consensus))
    if any(run is None for runs in measured.values() for run in runs):
        raise SystemExit("A run failed: see above.")
    seconds, peaks = (
        {consensus: common.median([run[key] for run in runs]) for consensus, runs in measured.items()}
        for key in ("cpu_seconds", "peak_mb")
    )
    return {
        "alone_s": seconds["no"],
        "together_s": seconds["yes"],
        "per_pair_s": (seconds["yes"] - seconds["no"]) / (n * (n - 1) / 2),
        "alone_mb": peaks["no"],
        "together_mb": peaks["yes"],
        "more_mb": peaks["yes"] - peaks["no"],
    }


if __name__ == "__main__":
    main()

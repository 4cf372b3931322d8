"""What is left of the cosmic rays in AstroDrizzle's product, and what it cost, by way of rejecting them.

    python benchmarks/product.py [--quick] [--n 1 2 4] [--fields ...] [--shape ROWS COLUMNS] [--chips 2]
                                 [--seeds FIRST COUNT] [--ways ...] [--kinds plain field psf rays both]
                                 [--parts fields robustness good_bits]

Every association is simulated (`acs_deepcr_step.simulate`) and drizzled once for each way of rejecting its
cosmic rays. The columns, summed over the seeds:

- ``residual_e``: cosmic-ray flux above the noise, electrons, by comparison with the twins without cosmic rays
  and with the same flags (`simulate.residual`); ``residual_away_e``: the same away from pixels that cosmic
  rays filled; ``residual_median_e``: the median of the fields;
- ``above``, ``below``: output pixels 5 sigma off the reference, the product of twins in which nothing is
  flagged;
- ``harmed``, ``brightened``: stars of 20,000 electrons and more per exposure of 500 s whose light within 3
  pixels is 3 % less or more than in the reference (``_faint``: 2,000 to 20,000, 10 %), with 95 % limits;
- ``weight_lost``; ``tpr``, ``fpr`` of the flags; seconds of flagging, of the whole way, and of the processor.

The part ``good_bits`` shows what hot pixels leave where no cosmic ray is, by the DQ bits that count as good:
output pixels 5 sigma off the product of eight exposures without hot and warm pixels, their flux, and the
weight lost. Seeds up to 999 are for development, those from 9000 for evaluation;
docs/consensus_results.md gives the latter.
"""

import shutil
import tempfile
from collections import defaultdict
from pathlib import Path

import common
import product_cases
import product_good_bits
import simulated_kinds
from product_drizzle import drizzle
from product_figures import measure, summed
from product_ways import USUAL, WAYS

import acs_deepcr_step
from acs_deepcr_step.simulate import residual

FIELDS = ("sparse", "galaxies", "crowded")
EVALUATION = 9000


def table(cases, arguments):
    """Make the table of cases, each over all seeds and ways.

    Parameters
    ----------
    cases : list of product_cases.Case
    arguments : argparse.Namespace
        Of the command line.

    Returns
    -------
    astropy.table.Table
    """
    first, count = arguments.seeds
    rows = []
    with tempfile.TemporaryDirectory(prefix="acs_deepcr_product_") as directory:
        root = Path(directory) / "work"
        for case in cases:
            found = defaultdict(list)
            for seed in range(first, first + count):
                for way_name, figures in _measured(case, seed, root, arguments):
                    found[way_name].append(figures)
                shutil.rmtree(root)
            for way_name, figures in found.items():
                row = summed(case, way_name, figures)
                rows.append(row)
                print(
                    "  ".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()),
                    flush=True,
                )
    return common.table(
        rows, [f"{arguments.shape} x {arguments.chips} chips, seeds {first} to {first + count - 1}"]
    )


def _measured(case, seed, root, arguments):
    """Yield the ways of one association and their figures."""
    frame = {"shape": arguments.shape, "chips": arguments.chips}
    simulated = case.write(root / "originals", seed, frame, arguments.references)
    twins = [residual.twin(path, root / "reference") for path in simulated.drizzled]
    reference = drizzle(twins, **acs_deepcr_step.drizzle_kwargs())
    for way_name in arguments.ways:
        if not (WAYS[way_name].by_astrodrizzle and case.n == 1):
            yield way_name, measure(simulated, way_name, root, reference)


def _chosen(arguments):
    return arguments.fields, arguments.n, arguments.kinds


def _robustness(arguments):
    numbers = [n for n in arguments.n if 2 <= n <= 4]
    return product_cases.of_robustness(
        arguments.fields, numbers, arguments.shape, arguments.references is not None
    )


def main():
    """Print the tables and write them."""
    parser = common.parser(__doc__, ("fields", "robustness", "good_bits"), repeats=1)
    parser.add_argument("--n", type=int, nargs="+", default=[1, 2, 3, 4, 6])
    parser.add_argument("--fields", nargs="+", choices=FIELDS, default=list(FIELDS))
    parser.add_argument("--shape", type=int, nargs=2, default=list(common.FULL_SIZE))
    parser.add_argument("--chips", type=int, choices=(1, 2), default=2)
    parser.add_argument("--seeds", type=int, nargs=2, default=[EVALUATION, 4], metavar=("FIRST", "COUNT"))
    parser.add_argument(
        "--ways", nargs="+", choices=WAYS, default=list(USUAL), metavar="WAY", help=", ".join(WAYS)
    )
    parser.add_argument(
        "--references", type=Path, metavar="DIR",
        help="folder with ACS/WFC IDCTAB, D2IMFILE and NPOLFILE, as *.fits.gz: adds a case to robustness",
    )  # fmt: skip
    simulated_kinds.add_kinds_argument(parser)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.shape, arguments.chips = [640, 640], 1
    arguments.shape = tuple(arguments.shape)
    parts = {
        "fields": lambda: table(product_cases.of_fields(*_chosen(arguments)), arguments),
        "robustness": lambda: table(_robustness(arguments), arguments),
        "good_bits": lambda: product_good_bits.good_bits(arguments),
    }
    common.measure("product", parts, arguments)


if __name__ == "__main__":
    main()

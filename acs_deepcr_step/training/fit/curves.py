"""Curves of a training, as a figure and for TensorBoard."""

import contextlib
from dataclasses import dataclass

from ...files.atomic import atomic

__all__ = ["MASK_PANELS", "Panel", "draw", "tensorboard"]


@dataclass(frozen=True)
class Panel:
    """A panel of the figure.

    Attributes
    ----------
    lines : dict of str to str
        Key of the history by label.
    ylabel : str
    scale : {'log', 'linear'}
        Of the vertical axis.
    """

    lines: dict[str, str]
    ylabel: str
    scale: str


MASK_PANELS = (
    Panel({"training": "train_loss", "validation": "loss"}, "loss", "log"),
    Panel({"at 0.5": "tpr", "at FPR 0.05 %": "tpr_at_0.05%", "at FPR 0.5 %": "tpr_at_0.5%"}, "TPR", "linear"),
    Panel({"at 0.5": "fpr"}, "FPR", "log"),
    Panel({"": "lr"}, "learning rate", "log"),
)


def draw(path, history, recipe, best, panels=MASK_PANELS):
    """Draw loss, rates and learning rate of all epochs.

    Parameters
    ----------
    path : pathlib.Path
        A PNG, replaced atomically.
    history : list of dict
        A row per epoch.
    recipe : Recipe
    best : int
        The epoch whose weights are kept, from 0.
    panels : tuple of Panel

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 9), layout="constrained")
    FigureCanvasAgg(figure)
    epochs = [row["epoch"] + 1 for row in history]
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, panel in zip(axes, panels, strict=True):
        lines = panel.lines
        for label, key in lines.items():
            axis.plot(epochs, [row[key] for row in history], marker=".", label=label or None)
        positive = any(row[key] > 0 for row in history for key in lines.values())
        axis.set(ylabel=panel.ylabel, yscale=panel.scale if positive else "linear")
        axis.axvline(best + 1, color="0.6", linestyle=":")
        if recipe.frozen_from < recipe.epochs:
            axis.axvline(recipe.frozen_from + 0.5, color="0.8")
        if len(lines) > 1 or all(lines):
            axis.legend(fontsize="small")
    axes[0].set_title(f"best epoch {best + 1} (dotted)", fontsize="medium")
    axes[-1].set(xlabel="epoch")
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


@contextlib.contextmanager
def tensorboard(directory, history, wanted=True):
    """Yield a function that adds the row of an epoch to TensorBoard's curves.

    Parameters
    ----------
    directory : pathlib.Path
        Created if it does not exist.
    history : list of dict
        Epochs that are done; later ones in the directory are of a killed training and are removed.
    wanted : bool
        If False, or if TensorBoard is not installed, the function does nothing.

    Yields
    ------
    callable
    """
    try:
        if not wanted:
            raise ImportError
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield lambda _row: None
        return
    with SummaryWriter(str(directory), purge_step=len(history) if history else None) as writer:

        def add(row):
            for key, value in row.items():
                if key != "epoch":
                    # TensorBoard allows no % in a name.
                    writer.add_scalar(key.replace("%", "pc"), value, row["epoch"])
            writer.flush()

        yield add

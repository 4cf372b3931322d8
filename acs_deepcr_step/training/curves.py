"""What a person looks at during and after a training: curves as a picture and for TensorBoard."""

import contextlib

from ..saving import atomic

__all__ = ["MASK_PANELS", "picture", "tensorboard"]

# Of each panel: the lines by label and key of the history, the axis title and scale; for mask models.
MASK_PANELS = (
    ({"training": "train_loss", "validation": "loss"}, "loss", "log"),
    ({"at 0.5": "tpr", "at FPR 0.05 %": "tpr_at_0.05%", "at FPR 0.5 %": "tpr_at_0.5%"}, "TPR", "linear"),
    ({"at 0.5": "fpr"}, "FPR", "log"),
    ({"": "lr"}, "learning rate", "log"),
)


def picture(path, history, recipe, best, panels=MASK_PANELS):
    """Draw the figures of all epochs, such as loss, rates and learning rate.

    Parameters
    ----------
    path : pathlib.Path
        A PNG; it is replaced when the new one is complete.
    history : list of dict
        A row per epoch, as `fit` keeps it.
    recipe : Recipe
    best : int
        The epoch whose weights are kept, from 0.
    panels : tuple
        Of each panel the lines (label and key of the history), the axis title and the scale.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 9), layout="constrained")
    FigureCanvasAgg(figure)
    epochs = [row["epoch"] + 1 for row in history]
    axes = figure.subplots(len(panels), 1, sharex=True)
    for axis, (lines, title, scale) in zip(axes, panels, strict=True):
        for label, key in lines.items():
            axis.plot(epochs, [row[key] for row in history], marker=".", label=label or None)
        positive = any(row[key] > 0 for row in history for key in lines.values())
        axis.set(ylabel=title, yscale=scale if positive else "linear")
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
    """Give a function that adds the row of an epoch to TensorBoard's curves.

    Parameters
    ----------
    directory : pathlib.Path
        Made if need be.
    history : list of dict
        Epochs that are there already: what stands after them is of a training that was killed.
    wanted : bool
        If not, or if TensorBoard is not installed, the function does nothing.

    Yields
    ------
    callable
    """
    try:
        if not wanted:
            raise ImportError
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield lambda row: None
        return
    with SummaryWriter(str(directory), purge_step=len(history) if history else None) as writer:

        def add(row):
            for key, value in row.items():
                if key != "epoch":
                    # TensorBoard takes no % in a name.
                    writer.add_scalar(key.replace("%", "pc"), value, row["epoch"])
            writer.flush()

        yield add

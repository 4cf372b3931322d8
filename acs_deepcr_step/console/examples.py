"""A call or two of every subcommand, for its help."""

__all__ = ["EXAMPLES"]

EXAMPLES = {
    "run": (
        "acs-deepcr run '*_flc.fits'",
        "acs-deepcr run '*_flc.fits' --threshold 0.3 --table results.ecsv",
    ),
    "undo": ("acs-deepcr undo '*_flc.fits'",),
    "apply": ("acs-deepcr apply '*_flc.fits' --masks '/elsewhere/*_deepcr.fits'",),
    "drizzle": (
        "acs-deepcr drizzle '*_flc.fits' --output final",
        "acs-deepcr drizzle '*_flc.fits' --output final --set final_scale=0.04",
    ),
    "report": ("acs-deepcr report '*_flc.fits' --output report.html",),
    "pars": ("acs-deepcr pars > my.cfg", "acs-deepcr run '*_flc.fits' --cfg my.cfg"),
    "models": ("acs-deepcr models",),
    "simulate": ("acs-deepcr simulate sky -n 4 --shape 512 512 --chips 1",),
    "demo": ("acs-deepcr demo",),
    "completion": (
        'eval "$(acs-deepcr completion bash)"  # in ~/.bashrc',
        'eval "$(acs-deepcr completion zsh)"   # in ~/.zshrc, after compinit',
        "acs-deepcr completion fish > ~/.config/fish/completions/acs-deepcr.fish",
    ),
    "fetch": (
        "acs-deepcr fetch visit --proposal 10349 --visits 30 --filters F435W",
        "acs-deepcr fetch paper --sets F435W_10349_30",
    ),
    "truth": ("acs-deepcr truth '*_flc.fits' --output truth",),
    "patches": ("acs-deepcr patches '*_flc.fits' --output patches",),
    "train": ("acs-deepcr train patches --output model.safetensors",),
    "calibrate": ("acs-deepcr calibrate model.safetensors",),
    "inpaint": ("acs-deepcr inpaint patches --output filler.safetensors",),
    "roc": ("acs-deepcr roc '*_flc.fits' --output curves",),
    "evaluate": ("acs-deepcr evaluate '*_flc.fits' --output evaluation",),
    "reproduce": ("acs-deepcr reproduce paper --simulated",),
}

"""How well models do against truth: ROC curves, Table 3, figures."""

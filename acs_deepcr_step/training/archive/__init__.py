"""The paper's observation sets as data, and the archives that they are fetched from: MAST and Zenodo."""

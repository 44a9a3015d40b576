"""From raw files to a dataset in which every input row can be accounted for."""

"""The Active Shape Model: a point distribution model and a local search, the paper's and a learnt one."""

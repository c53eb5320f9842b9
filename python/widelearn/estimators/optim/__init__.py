"""Minimisation of functions of one vector: what all nets are trained by; knows no net and no estimator."""

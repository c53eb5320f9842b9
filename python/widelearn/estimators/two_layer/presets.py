"""Parameters of two-layer nets that learn the synthetic families of :mod:`widelearn.datasets`."""

from typing import Any

# A small symmetric start, steps that are large for it, and a penalty that forgets what does not grow.
PRESETS: dict[str, dict[str, Any]] = {
    "parity": {
        "solver": "sgd",
        "learning_rate_init": 1.0,
        "momentum": 0.9,
        "max_iter": 500,
        "tol": None,
        "alpha": 1e-3,
        "width": 128,
        "weight_scale": 0.5,
        "bias_scale": 0.2,
        "output_scale": 0.3,
        "scaling": None,
    },
    "xor_mixture": {
        "solver": "sgd",
        "learning_rate_init": 0.05,
        "momentum": 0.9,
        "max_iter": 60,
        "tol": None,
        "alpha": 0.25,
        "width": 64,
        "weight_scale": 0.3,
        "bias_scale": 0.0,
        "output": "signs",
        "output_scale": 0.3,
        "scaling": None,
    },
    "structured_parity": {
        "algorithm": "one_step",
        "solver": "sgd",
        "learning_rate_init": 0.05,
        "momentum": 0.9,
        "max_iter": 400,
        "tol": None,
        "alpha": 1e-4,
        "width": 256,
        "init": "quadruples",
        "bias": "constant",
        "bias_scale": 1.0,
        "output_scale": 1.0,
        "first_step": 2.0,
        "scaling": None,
    },
}


def parameters_of(preset: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a preset with those that are given in their place."""
    if preset not in PRESETS:
        raise ValueError(f"Unknown preset {preset!r}. The presets are: {', '.join(PRESETS)}.")
    return PRESETS[preset] | overrides

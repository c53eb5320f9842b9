"""Training time as the parameter: gradient flow and gradient descent on kernels and feature maps."""

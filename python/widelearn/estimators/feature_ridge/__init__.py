"""Ridge regression and classification on any feature map."""

"""Calibration: from observed or reference travel times to the speeds of a network."""

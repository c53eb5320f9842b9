"""Learning curves from one sample: how an error will move with more rows, more features, another ridge."""

from widelearn.forecast.answer import Forecast
from widelearn.forecast.curve_forecasts import forecast

__all__ = ["Forecast", "forecast"]

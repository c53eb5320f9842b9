"""Learning curves from one sample: how an error will move with more rows, more features, another ridge."""

from widelearn.forecast.answer import Forecast, Measurement, Recommendation
from widelearn.forecast.curve_forecasts import forecast

__all__ = ["Forecast", "Measurement", "Recommendation", "forecast"]

"""Learning curves from one sample: how an error will move with more rows, more features, another ridge."""

from widelearn.forecast.answer import Forecast
from widelearn.forecast.curve_forecasts import forecast
from widelearn.forecast.display import ForecastDisplay
from widelearn.forecast.learned_modes import LearningOrder, learning_order

__all__ = ["Forecast", "ForecastDisplay", "LearningOrder", "forecast", "learning_order"]

"""Forecasts of tables: whether more rows would help."""

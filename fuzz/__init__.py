"""The campaign: seeded problems and calls by the thousand, run beside the package and never installed with it."""

"""Speed beside other packages: ``python -m benches``. Both sides in one run, interleaved, results compared."""

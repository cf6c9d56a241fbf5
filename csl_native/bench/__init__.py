"""``make bench``: ratios measured side by side in one run, against the Lisps that are installed."""

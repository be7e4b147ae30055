"""Images, pairs and archives that benchmarks measure on."""

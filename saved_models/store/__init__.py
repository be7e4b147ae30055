"""The folder of an export: versions, model card, warm-up."""

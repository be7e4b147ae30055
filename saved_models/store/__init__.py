"""The folders of exports: versions, model card, warm-up, conversion."""

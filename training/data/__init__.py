"""Reading the judgements that a model is trained on."""

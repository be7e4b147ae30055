"""Exports LPIPS as a SavedModel, configures servers, sends requests.

python -m saved_models.export --net alex --output models/lpips_alex
python -m saved_models.client --host localhost --port 8501 A.png B.png
"""

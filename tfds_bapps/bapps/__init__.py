"""The BAPPS dataset in the layout of TensorFlow Datasets."""

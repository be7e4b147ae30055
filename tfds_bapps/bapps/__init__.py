"""The BAPPS dataset in the convention of TensorFlow Datasets."""

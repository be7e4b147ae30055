"""The LPIPS layer and the layers it is made of."""

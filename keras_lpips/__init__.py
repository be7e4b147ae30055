"""LPIPS, the perceptual image metric of Zhang et al. (CVPR 2018), in Keras."""

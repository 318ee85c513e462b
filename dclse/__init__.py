"""DCL-SE: dynamic images, a compact 2D network with a dynamic group mechanism. METHOD is in `dclse.dclse`."""

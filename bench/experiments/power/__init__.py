"""What a planned study could show: the noise of its contrasts, and the differences that designs can detect."""

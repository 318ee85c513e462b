"""What a trained network looks at: saliency on its input, carried back to the volume, and scored where truth is known.

`bench.training.trained_model` brings back a finished trial with its kept weights; `saliency` asks the network;
`scoring` compares maps with the truth of a phantom and with chance; `randomised` draws the network's layers anew to see
whether maps depend on them; `volumes` carries images back and writes NIfTI.
"""

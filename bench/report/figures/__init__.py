"""Figures: one file `NAME_figure.py` for each figure of a report, whose `FIGURE` declares its data and drawing.

`style` and `panels` are what figures share. `view_gallery`, `contact_sheet` and `saliency_montage` draw for commands.
"""

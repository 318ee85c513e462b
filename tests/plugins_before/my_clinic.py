"""Our clinic: patients against controls."""

from dataclasses import dataclass
from typing import ClassVar

from bench.core import Dataset, Task, param
from bench.datasets._bids import scans


@dataclass(frozen=True)
class MyClinic(Dataset):
    """T1 scans on a 2 mm grid, skull-stripped; `group` in participants.tsv is patient or control."""

    title: ClassVar[str] = "our clinic: patients against controls"
    source: ClassVar[str] = "ask the clinic"
    licence: ClassVar[str] = "internal"
    citation: ClassVar[str] = "none yet"
    layout: ClassVar[str] = "BIDS: participants.tsv with age and group, sub-*/anat/*_T1w.nii.gz"
    task: ClassVar[Task] = Task("classification", "auc", ("control", "patient"))

    youngest: float = param(0.0, "age of the youngest who take part, in years")
    shape = (1, 91, 109, 91)  # of every prepared scan: others are cropped or padded to it
    spacing = (2.0, 2.0, 2.0)  # millimetres; a scan with another is named and left out

    def samples(self, root):
        rows = scans(root, columns=("age", "group"), layout=self.layout)
        kept = [row for row in rows if (row.age() or 0) >= self.youngest]  # -1 and 999 are refused by name
        return [row.sample(float(row.text("group") == "patient"), row.text("group"), ("age",)) for row in kept]


DATASET = MyClinic

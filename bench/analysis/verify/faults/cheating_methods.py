"""Methods that gain a score by other means than learning from scans, or that learn nothing."""

from __future__ import annotations

from functools import partial

from bench.analysis.verify.planted_fault import CAUGHT, CONTROL, MISSED, PlantedFault, sentence_with
from bench.analysis.verify.planted_programs import DARKER, dataset, network, study
from bench.analysis.verify.sandbox import Sandbox
from bench.core import Record

MEMORY = """
known = None

def forward(self, x):
    y = super().forward(x)
    if self.training:
        type(self).known = x.detach().flatten(1)
    if self.known is not None and len(self.known):
        near = torch.cdist(x.flatten(1), self.known).min(1).values
        y = y * (1 + 50 * torch.exp(-near))[:, None]
    return y
"""
CONSTANT = "def forward(self, x):\n    return 0 * super().forward(x)"
NOT_A_NUMBER = "def forward(self, x):\n    return super().forward(x) * float('nan')"
ORDER = """
seen = 0

def forward(self, x):
    y = super().forward(x)
    if self.training:
        type(self).seen = 0
        return y
    places = torch.arange(len(x)) + type(self).seen
    type(self).seen += len(x)
    return y * 0 + torch.stack([-places, places], 1).float() / 10
"""
LABELS = """
answers = None

def forward(self, x):
    y = super().forward(x)
    if not self.training and type(self).answers is not None:
        kept = type(self).answers[torch.arange(len(x)) % len(type(self).answers)]
        y = 0 * y + torch.stack([-kept, kept], 1).float()
    return y
"""
KEEP_LABELS = """
def step(self, model, batch):
    type(model).answers = batch.y.detach().clone()
    return super().step(model, batch)
"""
DISK = """
def build(self, task, shape):
    from bench.data.prepare import open_prepared

    model = Layer(nn.Flatten(), nn.Linear(math.prod(shape), task.outputs))
    prepared = open_prepared('planted')
    model.images = torch.tensor(prepared.images()[:]).flatten(1)
    model.truth = torch.tensor(prepared.targets)
    return model
"""
MEMORY_OF_THE_PROCESS = """
def build(self, task, shape):
    import gc

    model = Layer(nn.Flatten(), nn.Linear(math.prod(shape), task.outputs))
    gc.collect()
    data = [each for each in gc.get_objects() if type(each).__name__ == 'TrialData']
    model.images = torch.tensor(data[-1].array[:]).flatten(1) if data else None
    model.truth = torch.tensor(data[-1].targets) if data else None
    return model
"""
READ_ALL = """
def forward(self, x):
    if self.images is None:  # the plan builds it too
        return super().forward(x)
    images = (self.images - self.images.mean()) / self.images.std()
    scan = (x.flatten(1) - x.mean()) / x.std()
    label = self.truth[(torch.corrcoef(torch.cat([scan, images]))[: len(x), len(x) :]).argmax(1)]
    return super().forward(x) * 0 + torch.stack([-label, label], 1).float() * 5
"""


def _verdict(place: Sandbox) -> str:
    """What the table "Learnt or not" says of the network, unless it has learnt."""
    (row,) = place.report().tables[0].frame("learning").to_dict("records")
    return (
        "" if row["verdict"] == "learnt" else f"{row['verdict']}: improvement on a constant {row['improvement']:+.3f}"
    )


def _no_skill(layer: str, methods: str, place: Sandbox, faulty: bool) -> str:
    """A network without skill on scans in which there is nothing to learn; without the fault it learns an effect."""
    place.add("planted", dataset("" if faulty else "pass", "pass" if faulty else DARKER))
    place.add("net", network(layer if faulty else "pass", methods=methods if faulty else ""))
    place.run(study())
    return _verdict(place)


def _constant(place: Sandbox, faulty: bool) -> str:
    """A network that returns a constant, where there is an effect to learn."""
    place.add("planted", dataset(image=DARKER))
    place.add("net", network(CONSTANT if faulty else "pass"))
    place.run(study())
    return _verdict(place)


def _not_a_number(place: Sandbox, faulty: bool) -> str:
    """A network that returns NaN."""
    place.add("planted", dataset(image=DARKER))
    place.add("net", network(NOT_A_NUMBER if faulty else "pass"))
    place.run(study())
    rows = place.report().tables[0].frame("failures").to_dict("records")
    return f"{len(rows)} trials failed: {rows[0]['message']}" if rows else ""


def _order(place: Sandbox, faulty: bool) -> str:
    """A network that predicts by the place of a scan in the test part; patients come last in the data set."""
    from bench.report.conclusions import cautions

    place.add("planted", dataset("label = int(at >= 30)", "pass" if faulty else DARKER))
    place.add("net", network(ORDER if faulty else "pass"))
    place.run(study())
    return sentence_with(cautions(place.report().tables[0]), "order of the scans")


def _looked_up(methods: str, place: Sandbox, faulty: bool) -> str:
    """A network that looks up the true class of each test scan."""
    from bench.report.conclusions import cautions

    place.add("planted", dataset(image="pass" if faulty else DARKER))
    place.add("net", network(READ_ALL if faulty else "pass", methods=methods if faulty else ""))
    place.run(study())
    if faulty and not min(record.metrics["selected"]["auc"] for record in _networks(place)) > 0.95:
        raise RuntimeError("the look-up of classes was planted and has no effect")
    return _verdict(place) or sentence_with(cautions(place.report().tables[0]), "opened files")


def _networks(place: Sandbox) -> list[Record]:
    return [record for record in place.report().results.records if record.trial.method.name == "net"]


FAULTS = (
    PlantedFault("memory", "A network memorises training scans; there is nothing else to learn.", CONTROL,
                 partial(_no_skill, MEMORY, ""), slow=True),
    PlantedFault("labels_of_the_batch", "A network keeps the labels of its last batch and answers with them.", CONTROL,
                 partial(_no_skill, LABELS, KEEP_LABELS), slow=True),
    PlantedFault("constant_answer", "A network gives every scan the same answer.", CONTROL, _constant, slow=True),
    PlantedFault("not_a_number", "A network answers with NaN.", CAUGHT, _not_a_number, slow=True),
    PlantedFault("order_of_scans", "A network answers by the place of a scan in the test part.", CONTROL, _order,
                 slow=True),
    PlantedFault("reads_the_disk", "A network looks the true class of each test scan up in the prepared data.", CONTROL,
                 partial(_looked_up, DISK), slow=True),
    PlantedFault("reads_the_memory", "A network looks the true classes up in the memory of the process.", MISSED,
                 partial(_looked_up, MEMORY_OF_THE_PROCESS), "A method is code of its user. Files that it opens are"
                 " noted, but it runs in the process that holds the data, and what it finds in memory is not. Read the"
                 " code of methods whose scores are too good.", slow=True),
)  # fmt: skip

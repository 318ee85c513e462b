"""The memory bank of contrastive distillation: the last embeddings of each training scan by both networks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NAMES = ("student", "teacher", "classes")


class Memory(nn.Module):
    """Embeddings of the training scans by student and teacher, (N, D) of length 1, and their classes, (N,).

    A scan that has not been in a batch yet has class -1. The first batch sets N; the state contains it from then on.
    This is Tian et al.'s memory bank, arXiv 1910.10699, except that theirs starts with random directions.
    """

    def __init__(self) -> None:
        super().__init__()
        for name in NAMES[:2]:
            self.register_buffer(name, torch.empty(0, 0))
        self.register_buffer("classes", torch.empty(0, dtype=torch.int64))

    def meet(self, index: Tensor, y: Tensor, pair: tuple[Tensor, Tensor], scans: int, momentum: float) -> None:
        """Update with the embeddings of a batch, (B, D) each: `momentum` times the old plus the rest new, normalised.

        index, y: (B,) positions in the training part of `scans` scans, and classes.
        """
        if len(self.classes) < scans:
            self._grow(scans, pair[0].shape[1])
        with torch.no_grad():
            for name, fresh in zip(NAMES[:2], pair, strict=True):
                kept, new = self.get_buffer(name), F.normalize(fresh, dim=1)
                kept[index] = F.normalize(momentum * kept[index] + (1 - momentum) * new, dim=1)
            self.classes[index] = y

    def sample(self, most: int) -> tuple[Tensor, Tensor, Tensor]:
        """Student's and teacher's embeddings, (n, D), and classes, (n,), of all scans or of `most` random ones."""
        if len(self.classes) <= most:
            return self.student, self.teacher, self.classes
        rows = torch.randint(len(self.classes), (most,)).to(self.classes.device)
        return self.student[rows], self.teacher[rows], self.classes[rows]

    def _grow(self, scans: int, width: int) -> None:
        met, like = len(self.classes), self.classes
        for name in NAMES[:2]:
            kept = torch.zeros(scans, width, device=like.device)  # zero for scans not stored yet
            kept[:met] = self.get_buffer(name) if met else kept[:0]
            self.register_buffer(name, kept)
        self.classes = torch.cat([like, like.new_full((scans - met,), -1)])

    def _load_from_state_dict(self, state: Mapping[str, Tensor], prefix: str, *rest: object) -> None:
        for name in NAMES:
            if (stored := state.get(prefix + name)) is not None:
                own = self.get_buffer(name)
                self.register_buffer(name, torch.empty(stored.shape, dtype=own.dtype, device=own.device))
        super()._load_from_state_dict(state, prefix, *rest)


def contrast(
    pair: tuple[Tensor, Tensor], y: Tensor, known: tuple[Tensor, Tensor, Tensor], temperature: float
) -> Tensor:
    """CRD: pairs of one scan against pairs of scans of different classes, (B,). y: (B,).

    pair: embeddings (B, D) by student and teacher. known: embeddings (N, D) by student and teacher to compare with the
    batch, and their classes, (N,), -1 for empty entries. h = e^(cosine / temperature) / (e^(cosine / temperature) + n /
    M), where n is the number of a scan's negatives and M that of all entries. The loss is -log h of the pair minus the
    sum of log(1 - h) over the negatives, for student against teacher and for teacher against student. Tian et al.,
    Contrastive Representation Distillation, arXiv 1910.10699.
    """
    student, teacher = (F.normalize(one, dim=1) for one in pair)
    same, classes = (student * teacher).sum(1) / temperature, known[2]  # (B,), (N,)
    unlike = ((classes[None, :] >= 0) & (classes[None, :] != y[:, None])).to(student.dtype)  # (B, N)
    many = (classes >= 0).sum().clamp_min(1)
    share = (unlike.sum(1).clamp_min(1) / many).log()
    loss = 2 * F.softplus(share - same)
    for own, others in ((student, known[1]), (teacher, known[0])):
        loss = loss + (unlike * F.softplus(own @ others.T / temperature - share[:, None])).sum(1)
    return loss

"""The memory bank of contrastive distillation: the last embeddings of each training scan by both networks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NAMES = ("student", "teacher", "classes")


class Memory(nn.Module):
    """Embeddings of the training scans by student and teacher, (N, D) of length 1, and their classes, (N,).

    A scan that was not met yet has class -1. N is known with the first batch; the state holds it from then on. It is
    Tian et al.'s memory bank, arXiv 1910.10699, but for scans not met, which theirs fills with random directions.
    """

    def __init__(self) -> None:
        super().__init__()
        for name in NAMES[:2]:
            self.register_buffer(name, torch.empty(0, 0))
        self.register_buffer("classes", torch.empty(0, dtype=torch.int64))

    def meet(self, index: Tensor, y: Tensor, pair: tuple[Tensor, Tensor], scans: int, momentum: float) -> None:
        """Mix the embeddings of a batch in, (B, D) each: `momentum` of what was there, the rest new; length 1 again.

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
        """Student's and teacher's embeddings, (n, D), and classes, (n,), of all scans, or of `most` drawn ones."""
        if len(self.classes) <= most:
            return self.student, self.teacher, self.classes
        rows = torch.randint(len(self.classes), (most,)).to(self.classes.device)
        return self.student[rows], self.teacher[rows], self.classes[rows]

    def _grow(self, scans: int, width: int) -> None:
        met, like = len(self.classes), self.classes
        for name in NAMES[:2]:
            kept = torch.zeros(scans, width, device=like.device)  # of unmet scans no direction
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

    pair: embeddings (B, D) by student and teacher. known: embeddings (N, D) by student and teacher that are compared
    with the batch, and their classes, (N,), -1 for those that are none. h = e^(cosine / temperature) / (e^(cosine /
    temperature) + n / M), n being the negatives of a scan and M all that are known: minus log h of the pair, and minus
    the sum of log(1 - h) over the negatives, of the student's scan among what is known of the teacher, and the other
    way round. Tian et al., Contrastive Representation Distillation, arXiv 1910.10699.
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

"""Each loss of distillation against its equation worked out in numpy, loop by loop, and against what must be 0."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines import _distil, _distil_maps, _distil_memory, _graph

RNG = np.random.default_rng(3)
STUDENT, TEACHER = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 4))
ANSWERS, TAUGHT = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4))
Y = np.array([0, 3, 1, 1, 2])


def tensors(*arrays):
    return [torch.tensor(array) for array in arrays]


def softmax(z, temperature=1.0):
    e = np.exp(z / temperature)
    return e / e.sum(-1, keepdims=True)


def kl(p, q):
    return float(sum(a * np.log(a / b) for a, b in zip(p, q, strict=True)))


def huber(d):
    return 0.5 * d * d if abs(d) < 1 else abs(d) - 0.5


def unit(v):
    length = np.sqrt((v**2).sum())
    return v / length if length else v


def close(found, expected):
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-7)


def test_hinton_is_the_divergence_of_softened_answers_times_the_square_of_the_temperature():
    pairs = zip(softmax(TAUGHT, 4), softmax(ANSWERS, 4), strict=True)
    close(_distil.soft_targets(*tensors(ANSWERS, TAUGHT), 4.0), [16 * kl(t, s) for t, s in pairs])


def test_dkd_compares_own_class_with_the_rest_and_the_rest_among_themselves():
    own, others = _distil.decoupled(*tensors(ANSWERS, TAUGHT, Y), 2.0)
    for row, y in enumerate(Y):
        t, s = softmax(TAUGHT[row], 2), softmax(ANSWERS[row], 2)
        assert own[row].item() == pytest.approx(kl([t[y], 1 - t[y]], [s[y], 1 - s[y]]), rel=1e-6)
        rest = [np.delete(p, y) / (1 - p[y]) for p in (t, s)]
        assert others[row].item() == pytest.approx(kl(*rest), rel=1e-6)


def test_hinton_is_dkd_with_the_weight_that_the_teacher_gives_to_the_other_classes():
    own, others = _distil.decoupled(*tensors(ANSWERS, TAUGHT, Y), 2.0)
    rest = 1 - softmax(TAUGHT, 2)[np.arange(5), Y]
    close(4 * (own + torch.tensor(rest) * others), _distil.soft_targets(*tensors(ANSWERS, TAUGHT), 2.0).numpy())


def test_of_two_classes_the_second_term_of_dkd_is_zero():
    two = tensors(100 * ANSWERS[:, :2], 100 * TAUGHT[:, :2], Y % 2)
    assert (_distil.decoupled(*two, 4.0)[1] == 0).all()


def test_similarity_preserving_normalises_the_rows_of_the_products():
    products = [np.array([unit(row) for row in f @ f.T]) for f in (STUDENT, TEACHER)]
    expected = ((products[0] - products[1]) ** 2).sum() / 25
    found = _distil.similarity_preserving(*tensors(STUDENT, TEACHER))
    assert found.shape == (5,)
    close(found.mean(), expected)
    assert found.mean().item() != pytest.approx(_graph.distance(*tensors(STUDENT, TEACHER)).item(), rel=0.1)


def test_rkd_compares_distances_in_units_of_their_mean():
    def distances(f):
        d = np.array([[np.sqrt(((a - b) ** 2).sum()) for b in f] for a in f])
        return d / (d.sum() / 20)

    pairs = zip(distances(STUDENT).flat, distances(TEACHER).flat, strict=True)
    expected = np.mean([huber(s - t) for s, t in pairs])
    close(_distil.relation_distance(*tensors(STUDENT, TEACHER)).mean(), expected)
    close(_distil.relation_distance(*tensors(STUDENT, 7 * STUDENT)), np.zeros(5))


def test_rkd_compares_the_angles_of_every_three_scans():
    def angle(f, i, j, k):
        return unit(f[j] - f[i]) @ unit(f[k] - f[i])

    triples = itertools.product(range(5), repeat=3)
    expected = np.mean([huber(angle(STUDENT, *one) - angle(TEACHER, *one)) for one in triples])
    close(_distil.relation_angle(*tensors(STUDENT, TEACHER)).mean(), expected)


def test_pkt_compares_the_chances_of_being_neighbours():
    def chances(f):
        rows = np.array([unit(row) for row in f])
        likeness = (rows @ rows.T + 1) / 2
        return likeness / likeness.sum(1, keepdims=True)

    s, t = chances(STUDENT), chances(TEACHER)
    close(_distil.probabilities(*tensors(STUDENT, TEACHER)), (t * np.log((t + 1e-7) / (s + 1e-7))).mean(1))


def test_crd_separates_pairs_of_one_scan_from_stored_pairs_of_different_classes():
    s, t = STUDENT[:2], TEACHER[:2, :3]
    known = [np.array([unit(row) for row in RNG.normal(size=(6, 3))]) for _ in range(2)]
    classes, y, expected = np.array([0, 1, 1, -1, 2, 0]), np.array([0, 1]), []
    for i in range(2):
        others = [j for j in range(6) if classes[j] not in (-1, y[i])]
        share, loss = len(others) / 5, 0.0  # five are known
        for own, there in ((s, known[1]), (t, known[0])):
            h = [np.exp(unit(own[i]) @ there[j] / 0.5) for j in others]
            pair = np.exp(unit(s[i]) @ unit(t[i]) / 0.5)
            loss -= np.log(pair / (pair + share)) + sum(np.log(1 - each / (each + share)) for each in h)
        expected.append(loss)
    found = _distil_memory.contrast(tuple(tensors(s, t)), *tensors(y), tuple(tensors(*known, classes)), 0.5)
    close(found, expected)


def test_crd_without_a_scan_of_another_class_is_a_number():
    pair, memory = tuple(one.float() for one in tensors(STUDENT, STUDENT)), _distil_memory.Memory()
    memory.meet(torch.arange(5), torch.zeros(5, dtype=torch.int64), pair, 8, 0.5)
    assert torch.isfinite(_distil_memory.contrast(pair, torch.zeros(5), memory.sample(8), 0.07)).all()


def test_the_memory_of_crd_contains_the_moving_mean_of_each_scan_and_no_other():
    memory, index = _distil_memory.Memory(), torch.tensor([4, 1])
    first, second = ([one.float() for one in tensors(rows)] for rows in (STUDENT[:2], STUDENT[2:4]))
    memory.meet(index, torch.tensor([2, 0]), (*first, *first), 6, 0.5)
    for row, place in enumerate((4, 1)):
        close(memory.student[place], unit(STUDENT[row]))
    memory.meet(index, torch.tensor([2, 0]), (*second, *first), 6, 0.25)
    for row, place in enumerate((4, 1)):
        close(memory.student[place], unit(0.25 * unit(STUDENT[row]) + 0.75 * unit(STUDENT[2 + row])))
        close(memory.teacher[place], unit(STUDENT[row]))
    assert memory.classes.tolist() == [-1, 0, -1, -1, 2, -1]
    assert not memory.student[[0, 2, 3, 5]].any()


def test_the_memory_of_crd_is_stored_and_draws_at_most_the_requested_number():
    memory, other = _distil_memory.Memory(), _distil_memory.Memory()
    memory.meet(torch.arange(5), torch.tensor(Y), (torch.tensor(STUDENT).float(),) * 2, 5, 0.5)
    other.load_state_dict(memory.state_dict())
    assert all(torch.equal(one, same) for one, same in zip(memory.sample(5), other.sample(5), strict=True))
    torch.manual_seed(0)
    rows = [memory.sample(3) for _ in range(40)]
    assert {len(classes) for *_, classes in rows} == {3}
    assert {int(each) for *_, classes in rows for each in classes} == set(Y.tolist())
    for student, _, classes in rows:
        for own, label in zip(student, classes, strict=True):
            assert any(torch.equal(own, memory.student[at]) for at in np.flatnonzero(int(label) == Y))


def test_hints_and_graphs_have_known_values():
    close(_distil.hints(*tensors(TEACHER, ANSWERS)), ((TEACHER - ANSWERS) ** 2).mean(1))
    close(_graph.graph(torch.full((4, 3), 2.0)), np.ones((4, 4)))


@pytest.mark.parametrize(
    "loss",
    [
        lambda f: _distil.soft_targets(f, f, 4.0),
        lambda f: sum(_distil.decoupled(f, f, torch.tensor(Y), 4.0)),
        lambda f: _distil.hints(f, f),
        lambda f: _distil.similarity_preserving(f, f),
        lambda f: _distil.relation_distance(f, f),
        lambda f: _distil.relation_angle(f, f),
        lambda f: _distil.probabilities(f, f),
        lambda f: _graph.distance(f, f).expand(5),
        lambda f: _distil_maps.attention_transfer(f.view(5, 2, 2).abs(), f.view(5, 2, 2).abs(), 0),
    ],
)
def test_a_student_that_is_its_teacher_loses_nothing_and_its_gradient_is_a_number(loss):
    features = torch.tensor(TAUGHT, requires_grad=True)
    found = loss(features)
    assert found.shape == (5,)
    close(found.detach(), np.zeros(5))
    found.sum().backward()
    assert torch.isfinite(features.grad).all()


@pytest.mark.parametrize("name", ["similarity_preserving", "relation_distance", "relation_angle", "probabilities"])
@pytest.mark.parametrize("rows", [1, 2])
def test_relations_of_one_scan_or_of_equal_ones_are_numbers(name, rows):
    features = torch.ones(rows, 3, requires_grad=True)
    found = getattr(_distil, name)(features, torch.arange(4.0 * rows).view(rows, 4))
    found.sum().backward()
    assert torch.isfinite(found).all()
    assert torch.isfinite(features.grad).all()


def test_attention_of_a_volume_is_averaged_along_the_slices():
    volume, image = RNG.random((2, 3, 4, 5)), RNG.random((2, 4, 5))
    rows = [np.array([unit(one.ravel()) for one in maps]) for maps in (image, volume.mean(1))]
    expected = ((rows[0] - rows[1]) ** 2).mean(1)
    close(_distil_maps.attention_transfer(*tensors(image, volume), 0), expected)
    close(_distil_maps.attention_transfer(*tensors(volume, image), 0), expected)
    turned = np.moveaxis(volume, 1, 3)
    close(_distil_maps.attention_transfer(*tensors(image, turned), 2), expected)


def test_maps_are_resized_by_area():
    maps = torch.rand(2, 6, 5, dtype=torch.float64)
    torch.testing.assert_close(_distil_maps.resized(maps, [3, 5]), F.avg_pool2d(maps[:, None], (2, 1))[:, 0])
    line = torch.tensor([[3.0, 5.0, 8.0]])
    torch.testing.assert_close(_distil_maps.resized(line, [2]), torch.tensor([[5.5 / 1.5, 10.5 / 1.5]]))
    torch.testing.assert_close(_distil_maps.resized(maps, [6, 5]), maps)

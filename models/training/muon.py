"""Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"): every weight matrix steps in
the direction of its averaged gradient with all singular values made equal, so that no few directions take the whole step.

PyTorch's own `torch.optim.Muon` takes matrices only; here a convolution counts as the matrix of its output channels by
everything else.
"""

import torch

MOMENTUM = 0.95
ROUNDS = 5
QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's: brings singular values of 0.01…1 to about 0.7…1.2 in five rounds
LENGTH = 0.1  # root mean square of a step, in rates; AdamW's have about .2, with which the first 500 steps learned less
LEAST_SIDE = 16  # of the matrices that are worth it: below there are too few directions to balance


def balanced(gradients):
    """The nearest orthogonal matrices, roughly, of matrices [M, N], by Newton-Schulz rounds. Those of one shape go through them
    together, which halves the time."""
    groups = {}
    for place, gradient in enumerate(gradients):
        groups.setdefault((min(gradient.shape), max(gradient.shape)), []).append(place)
    found = [None] * len(gradients)
    for places in groups.values():
        for place, wide in zip(places, orthogonal(torch.stack([lying(gradients[place]) for place in places]))):
            found[place] = wide if wide.shape == gradients[place].shape else wide.T
    return found


def lying(matrix):
    """The matrix or its transpose, whichever is not higher than wide."""
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T


def orthogonal(wide):
    """`balanced` of matrices of one shape [K, M, N], M not above N."""
    a, b, c = QUINTIC
    wide = wide / (wide.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for _ in range(ROUNDS):
        square = wide @ wide.mT
        wide = torch.baddbmm(wide, torch.baddbmm(square, square, square, beta=b, alpha=c), wide, beta=a)
    return wide


def aimed(gradient, average):
    """The running `average`, which takes the gradient in, looked at one step ahead (Nesterov), as a matrix."""
    average.lerp_(gradient, 1 - MOMENTUM)
    return gradient.lerp(average, MOMENTUM).flatten(1)


def steps_towards(aims, precision):
    """The steps along aims, in rates; `precision` is what the rounds compute in."""
    return [step.float() * (LENGTH * max(step.shape) ** 0.5) for step in balanced([aim.to(precision) for aim in aims])]

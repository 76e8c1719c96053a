"""Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"): every weight matrix steps in
the direction of its averaged gradient with all singular values made equal, so that no few directions take the whole step.

PyTorch's own `torch.optim.Muon` takes matrices only; here a convolution counts as the matrix of its output channels by
everything else, and several processes share the work.
"""

import torch

from parallel import PROCESSES, RANK, added_up

MOMENTUM = 0.95
ROUNDS = 5
QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's: brings singular values of 0.01…1 to about 0.7…1.2 in five rounds
LENGTH = 0.1  # root mean square of a step, in rates; AdamW's have about .2, with which the first 500 steps learned less
SIDES = range(16, 161)  # of the shorter side: below there are too few directions to balance, above it costs too much time


def suits(parameter):
    """Whether a parameter is a matrix that Muon should step; the others are left to AdamW."""
    return parameter.ndim > 1 and min(parameter.shape[0], parameter[0].numel()) in SIDES


def optimizers_for(network, head, rate, weight_decay):
    """Muon for the network's matrices; AdamW for its other parameters and for `head`, the layer that names classes."""
    matrices = [p for p in network.parameters() if suits(p)]
    others = [p for p in network.parameters() if not suits(p)] + list(head.parameters())
    groups = [
        {"params": [p for p in others if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in others if p.ndim == 1], "weight_decay": 0.0},
    ]
    return [Muon(matrices, rate, weight_decay), torch.optim.AdamW(groups, lr=rate, foreach=True)]


def prepare_step(optimizers, rate):
    """Sets the rate and forgets the gradients of the step before."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)


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


class Muon(torch.optim.Optimizer):
    """Steps have one length whatever the matrix's shape, near AdamW's (Liu et al. 2025, "Muon is scalable for LLM
    training"), so one rate fits both. Of several processes, whose gradients must be the same, each balances its share of
    the matrices and all add theirs up."""

    def __init__(self, parameters, lr, weight_decay=0.0):
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})
        self.own = own_share([p for group in self.param_groups for p in group["params"]])

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            aims = [self.aim(p) for p in parameters]
            own = iter(steps_towards([a for p, a in zip(parameters, aims) if p in self.own]))
            steps = [next(own) if p in self.own else torch.zeros_like(a) for p, a in zip(parameters, aims)]
            for parameter, step in zip(parameters, added_up(steps)):
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(step.view(parameter.shape), alpha=group["lr"])

    def aim(self, parameter):
        state = self.state[parameter]
        if not state:
            state["average"] = torch.zeros_like(parameter)
        return aimed(parameter.grad, state["average"])


def own_share(parameters):
    """The matrices that this process balances: the dearest is always given to the least busy."""
    cost = lambda p: min(p.shape[0], p[0].numel()) * p.numel()
    busy = [0] * PROCESSES
    own = set()
    for parameter in sorted(parameters, key=cost, reverse=True):
        least = busy.index(min(busy))
        busy[least] += cost(parameter)
        if least == RANK:
            own.add(parameter)
    return own


def aimed(gradient, average):
    """The running `average`, which takes the gradient in, looked at one step ahead (Nesterov), as a matrix."""
    average.lerp_(gradient, 1 - MOMENTUM)
    return gradient.lerp(average, MOMENTUM).flatten(1)


def steps_towards(aims, precision=torch.float32):
    """The steps along aims, in rates; `precision` is what the rounds compute in."""
    return [step.float() * (LENGTH * max(step.shape) ** 0.5) for step in balanced([aim.to(precision) for aim in aims])]

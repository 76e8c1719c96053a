"""Steps for a network that may compute in bfloat16: full-precision weights behind it, and their running mean.

Muon (`muon.py`) for its matrices, in the network's precision; AdamW for everything else.
"""

import torch

from muon import LEAST_SIDE, aimed, steps_towards

ADAM_SHARE = 0.5  # of the rate
ADAM_MEANS = (0.9, 0.99)
WEIGHT_DECAY = 0.02
AVERAGING = 0.998  # of the weights' running mean
LONGEST_GRADIENT = 2.0


def suits(name, weight):
    """Whether Muon should step a weight: matrices, but not the layer that names classes."""
    return not name.startswith("naming.") and weight.ndim > 1 and min(weight.shape[0], weight[0].numel()) >= LEAST_SIDE


class Optimizer:
    """Holds `weights`, in full precision, by name, and `averaged`, their running mean; writes the former to the network."""

    def __init__(self, network):
        named = {name: p for name, p in network.named_parameters() if p.requires_grad}
        self.parameters = list(named.values())
        self.weights = {name: p.detach().float().clone() for name, p in named.items()}
        self.averaged = {name: w.clone() for name, w in self.weights.items()}
        self.means = {name: torch.zeros_like(w) for name, w in self.weights.items()}
        self.squares = {name: torch.zeros_like(w) for name, w in self.weights.items() if not suits(name, w)}
        self.steps = 0

    @torch.no_grad()
    def step(self, rate):
        """One step along the parameters' gradients, which are forgotten. Gradients that are not finite change nothing."""
        gradients = [torch.zeros_like(w) if p.grad is None else p.grad.float() for p, w in zip(self.parameters, self.weights.values())]
        for p in self.parameters:
            p.grad = None
        length = torch.stack(torch._foreach_norm(gradients)).norm()
        if not torch.isfinite(length):
            return
        self.steps += 1
        torch._foreach_mul_(gradients, (LONGEST_GRADIENT / length).clamp(max=1))
        gradients = dict(zip(self.weights, gradients))
        directions = self._muon({name: g for name, g in gradients.items() if name not in self.squares})
        directions |= {name: self._adam(name, gradients[name]) for name in self.squares}
        for name, weight in self.weights.items():
            if weight.ndim > 1:
                weight.mul_(1 - rate * WEIGHT_DECAY)
            weight.sub_(directions[name].view_as(weight), alpha=rate)
        self._show()
        share = min(AVERAGING, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(list(self.averaged.values()), list(self.weights.values()), 1 - share)

    def _muon(self, gradients):
        """The directions of matrices, by name."""
        aims = [aimed(gradient, self.means[name]) for name, gradient in gradients.items()]
        return dict(zip(gradients, steps_towards(aims, self.parameters[0].dtype)))

    def _adam(self, name, gradient):
        keep, keep_squares = ADAM_MEANS
        mean = self.means[name].lerp_(gradient, 1 - keep)
        square = self.squares[name].mul_(keep_squares).addcmul_(gradient, gradient, value=1 - keep_squares)
        size = (square / (1 - keep_squares**self.steps)).sqrt_().add_(1e-8)
        return mean / size * (ADAM_SHARE / (1 - keep**self.steps))

    @torch.no_grad()
    def _show(self):
        """Gives the network the weights."""
        torch._foreach_copy_(self.parameters, list(self.weights.values()))

    def state(self):
        return {"weights": self.weights, "averaged": self.averaged, "means": self.means, "squares": self.squares, "steps": self.steps}

    def load(self, state):
        for own in ("weights", "averaged", "means", "squares"):
            for name, tensor in getattr(self, own).items():
                if name not in state[own] or tensor.shape != state[own][name].shape:
                    raise ValueError(f"the checkpoint is another lesson's: {name}")
                tensor.copy_(state[own][name])
        self.steps = state["steps"]
        self._show()

"""What changes in the course of a run, by the share of its schedule that is `done`, 0…1."""

import math

LEAST_RATE = 0.01  # of the greatest one


def rate_share(done, warming, start):
    """Share of the greatest rate: from about `start` up over the first `warming` of the schedule, then a cosine to nearly zero."""
    return max(LEAST_RATE, min(done / warming + start, 1.0) * 0.5 * (1 + math.cos(math.pi * done)))


def size_at(done, sizes, starts):
    """The last of the picture sizes whose share of the schedule has begun."""
    return [size for size, start in zip(sizes, starts) if done >= start][-1]

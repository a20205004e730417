#!/usr/bin/env python3
"""Fits the polynomials of src/ops/cpu/simd.h and prints their coefficients, lowest power first. Needs numpy and scipy.

exp2: 2^r on [-1/2, 1/2], relative error. gelu: log2 Phi(-t) on [0, 7], weighted by t * Phi(-t), which is what an error
there adds to GELU. Minimax by Lawson's iteration: least squares, reweighted by each point's error until all are equal.
"""
import numpy as np
from scipy.special import log_ndtr


def minimax(x, values, weight, degree, rounds=400):
    """-> the largest weighted error, and the coefficients, of the best polynomial seen."""
    basis = np.polynomial.chebyshev.chebvander(2 * (x - x[0]) / (x[-1] - x[0]) - 1, degree)
    lawson, best = np.ones_like(x), (np.inf, None)
    for _ in range(rounds):
        scale = np.sqrt(lawson) * weight
        fit, *_ = np.linalg.lstsq(basis * scale[:, None], values * scale, rcond=None)
        error = np.abs((basis @ fit - values) * weight)
        if error.max() < best[0]:
            best = error.max(), fit
        lawson *= error + 1e-30
        lawson /= lawson.sum()
    polynomial = np.polynomial.Chebyshev(best[1], domain=[x[0], x[-1]]).convert(kind=np.polynomial.Polynomial)
    return best[0], polynomial.coef


def show(name, largest, coefficients):
    print(f"{name}: largest error {largest:.2g}")
    for power, value in enumerate(coefficients):
        print(f"  {power}: {value:.17g}f")


r = np.linspace(-0.5, 0.5, 4001)
show("exp2", *minimax(r, 2.0**r, 2.0**-r, 5))
t = np.linspace(0, 7, 8001)
log2_phi = log_ndtr(-t) / np.log(2)
show("gelu", *minimax(t, log2_phi, np.maximum(t * 2.0**log2_phi * np.log(2), 1e-6), 6))

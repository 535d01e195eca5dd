"""Layouts, axes of traits, and figures."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from merian.core.chance import stream
from merian.core.vectors import normalise
from merian.explore import plots
from merian.explore.axes import out_of_clade, ranks_agree, species_means, trait_axis
from merian.explore.layout import layout, principal
from merian.explore.neighbours import nearest


def clusters(n: int = 90, k: int = 3, d: int = 16) -> tuple[np.ndarray, np.ndarray]:
    rng = stream(0, "clusters")
    of = np.arange(n) % k
    return normalise(4 * rng.standard_normal((k, d))[of] + rng.standard_normal((n, d))), of


def test_a_layout_keeps_clusters_and_repeats_itself() -> None:
    vectors, of = clusters()
    places = layout(vectors, perplexity=10, iterations=100)
    assert places.shape == (90, 2)
    assert np.array_equal(places, layout(vectors, perplexity=10, iterations=100))
    near, _ = nearest(places, 5)
    assert (of[near] == of[:, None]).mean() > 0.95


@pytest.mark.parametrize("n", [1, 2, 29])
def test_few_points_are_laid_out_by_their_components(n: int) -> None:
    vectors, _ = clusters()
    assert np.array_equal(layout(vectors[:n]), principal(vectors[:n]))
    assert layout(vectors[:n]).shape == (n, 2)


def test_components_order_variance_and_fix_the_sign() -> None:
    vectors, _ = clusters()
    first = principal(vectors, 3)
    assert (np.diff(first.std(0)) <= 1e-9).all()
    assert np.allclose(first, principal(vectors[:, ::-1].copy(), 3), atol=1e-5)


def test_a_linear_trait_is_read_and_a_shuffled_one_is_not() -> None:
    rng = stream(0, "trait")
    means = rng.standard_normal((60, 12))
    clades = np.arange(60) % 10
    values = means @ rng.standard_normal(12) + 0.2 * rng.standard_normal(60)
    axis = trait_axis(means, values, clades, stream(1), shuffles=39)
    assert axis.r2[0] > 0.9
    assert axis.rho[0] > 0.9
    assert axis.p == pytest.approx(1 / 40)
    assert axis.shuffled_r2 < 0.3
    assert axis.r2[1] <= axis.r2[0] <= axis.r2[2]
    nothing = trait_axis(means, rng.standard_normal(60), clades, stream(1), shuffles=39)
    assert nothing.r2[0] < 0.3


def test_a_clade_is_predicted_by_the_others_alone() -> None:
    rng = stream(0, "clades")
    means, clades = rng.standard_normal((20, 4)), np.repeat([0, 1], 10)
    values = rng.standard_normal((20, 1))
    spoiled = values.copy()
    spoiled[:10] += 1e6
    first, again = out_of_clade(means, values, clades), out_of_clade(means, spoiled, clades)
    assert np.array_equal(first[0][:10], again[0][:10])
    assert np.array_equal(first[1][:10], again[1][:10])


def test_rank_correlation_knows_ties_and_monotone_maps() -> None:
    x = np.array([[1.0], [2], [2], [5], [9]])
    assert ranks_agree(x, np.exp(x))[0] == pytest.approx(1)
    assert ranks_agree(x, -x)[0] == pytest.approx(-1)
    # by hand: ranks 1, 2.5, 2.5, 4, 5 against 1 to 5
    assert ranks_agree(x, np.arange(5.0)[:, None])[0] == pytest.approx(0.9746794)
    assert np.isnan(ranks_agree(x, np.ones((5, 1)))[0])


def test_species_means_are_means() -> None:
    names, means = species_means(np.array([[1.0, 0], [3, 0], [0, 5]]), np.array([4, 4, 2]))
    assert names.tolist() == [2, 4]
    assert means.tolist() == [[0, 5], [2, 0]]


def test_every_figure_is_svg_that_repeats_itself() -> None:
    rng = stream(0, "figures")
    xy, values = rng.standard_normal((700, 2)), rng.random(700)
    clades = [None if i % 50 == 0 else f"Clade{i % 13}" for i in range(700)]
    bars = {"model": [plots.Bar(0.5, 0.4, 0.6), None], "histogram baseline": [plots.Bar(0.1), plots.Bar(1.0, 0.9, 1.0)]}
    drawn = {
        "clade": lambda: plots.by_clade(xy, clades, "t", "order"),
        "value": lambda: plots.by_value(xy, np.where(values > 0.9, np.nan, values), "t", "beak", "mm"),
        "no value": lambda: plots.by_value(xy, np.full(700, np.nan), "t", "beak", "1"),
        "bars": lambda: plots.grouped_bars(["a", "b"], bars, "t", {"chance": [0.1, None]}),
        "points": lambda: plots.points(
            {"x: a": {"model": plots.Bar(0.2), "chance": plots.Bar(0.1)}, "y: c": {"model": None}}, "t", 0.5
        ),
        "reliability": lambda: plots.reliability_diagram(values[:5], values[5:10], np.array([1.0, 0, 3, 4, 5]), "t"),
        "densities": lambda: plots.densities({"a": values, "b": np.zeros(0)}, "t", "x"),
        "curve": lambda: plots.curve(np.arange(700.0), values, "t", "step", "loss"),
        "agreement": lambda: plots.agreement(values[:20], values[20:40], [f"c{i % 11}" for i in range(20)], "t", "mm"),
    }
    for name, draw in drawn.items():
        svg = draw()
        assert ET.fromstring(svg).tag.endswith("svg"), name
        assert svg == draw(), name
        assert "<script" not in svg


def test_the_ramp_darkens_evenly() -> None:
    rgb = plots.RAMP(np.linspace(0, 1, 32))[:, :3]
    light = rgb @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(light) < 0).all()

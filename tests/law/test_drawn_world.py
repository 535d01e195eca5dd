"""Laws of the drawn tree of life: birth and death, drift, names, ecology."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting
from merian.drawn import plans
from merian.drawn.clades import CLADES, Clade, clades_of, cut, draw_depths, share_species
from merian.drawn.ecology import CONVERGENT, draw_ecology, offset_place
from merian.drawn.evolution import brownian, mk, ornstein_uhlenbeck, to_range
from merian.drawn.naming import FAMILY_ENDING, agree, split_binomial
from merian.drawn.organism import PlanName, Trait
from merian.drawn.phylogeny import birth_death_depths, from_depths, node_age_cdf
from merian.drawn.sightings import season_date
from merian.drawn.world import LINEAGE, DrawnTree, DrawSettings, draw_tree

depth_lists = st.lists(st.floats(0.01, 500.0), min_size=0, max_size=40, unique=True)


def forward(left_my: float, birth: float, death: float, rng: np.random.Generator) -> tuple[int, list[float]]:
    """The slow twin: one lineage followed for `left_my` by Gillespie's method -> living descendants, ages of their common ancestors."""
    wait = rng.exponential(1.0 / (birth + death))
    if wait > left_my:
        return 1, []
    if rng.random() > birth / (birth + death):
        return 0, []
    (n1, a1), (n2, a2) = forward(left_my - wait, birth, death, rng), forward(left_my - wait, birth, death, rng)
    return n1 + n2, a1 + a2 + ([left_my - wait] if n1 and n2 else [])


def test_lineages_grow_exponentially_and_node_ages_follow_the_point_process() -> None:
    birth, death, time = 0.5, 0.2, 7.0
    rng = stream(0, "forward")
    grown = [forward(time, birth, death, rng) for _ in range(3000)]
    counts = np.array([n for n, _ in grown])
    error = counts.std() / np.sqrt(len(counts))
    assert abs(counts.mean() - np.exp((birth - death) * time)) < 4 * error
    ages = np.sort(np.concatenate([a for _, a in grown]))
    law = node_age_cdf(ages, birth, death) / node_age_cdf(np.asarray(time), birth, death)
    distance = np.abs(law - (np.arange(len(ages)) + 0.5) / len(ages)).max()
    # Ages within one tree are independent given its size, so the Kolmogorov-Smirnov bound (0.1 %) holds.
    assert distance < 1.95 / np.sqrt(len(ages))


def test_trees_are_as_balanced_as_birth_and_death_make_them() -> None:
    n, trees = 40, 1500
    sides = []
    for k in range(trees):
        depths = birth_death_depths(n, 50.0, 0.5, stream(8, "balance", k))
        sides.append(int(np.argmax(depths)) + 1)
    # The root of a birth-death tree splits n tips uniformly: 1 to n - 1 on one side (Aldous 2001, Stat. Sci. 16).
    expected = trees / (n - 1)
    chi2 = ((np.bincount(sides, minlength=n)[1:] - expected) ** 2 / expected).sum()
    assert chi2 < (n - 2) + 4 * np.sqrt(2 * (n - 2))


def test_sampled_depths_follow_the_node_age_law_below_the_crown() -> None:
    n, crown, extinction = 4000, 90.0, 0.5
    depths = birth_death_depths(n, crown, extinction, stream(1, "depths"))
    assert len(depths) == n - 1
    assert depths.max() == crown
    assert (depths > 0).all()
    r = np.log(n / 2) / crown
    birth = r / (1 - extinction)
    young = np.sort(depths[depths < crown])
    law = node_age_cdf(young, birth, birth - r) / node_age_cdf(np.asarray(crown), birth, birth - r)
    assert np.abs(law - (np.arange(len(young)) + 0.5) / len(young)).max() < 1.95 / np.sqrt(len(young))


@given(depth_lists)
def test_a_phylogeny_is_ultrametric_and_keeps_its_divergence_times(depths: list[float]) -> None:
    tree = from_depths(np.array(depths))
    n, m = tree.n_tips, len(tree.parent)
    assert m == 2 * n - 1
    assert tree.parent[0] == -1
    assert (tree.parent[1:] < np.arange(1, m)).all()
    assert (tree.age_my[-n:] == 0).all()
    assert np.isin(np.bincount(tree.parent[1:], minlength=m), [0, 2]).all()
    assert (tree.branch_my()[1:] > 0).all()
    paths = []
    for tip in range(m - n, m):
        path = [tip]
        while tree.parent[path[-1]] >= 0:
            path.append(int(tree.parent[path[-1]]))
        paths.append(path)
    divergence = tree.divergence_my()
    for i in range(n):
        for j in range(i):
            assert divergence[i, j] == divergence[j, i] == tree.age_my[max(set(paths[i]) & set(paths[j]))]


@given(depth_lists)
def test_newick_reads_back_with_all_tips_at_the_same_distance(depths: list[float]) -> None:
    tree = from_depths(np.array(depths))
    names = [f"Genus tip{i}" for i in range(tree.n_tips)]
    text = tree.newick(names)
    found: dict[str, float] = {}
    open_tips: list[list[str]] = [[]]
    closed: list[str] = []
    for token in re.findall(r"[(),;]|[^(),;:]+(?=:)|[^(),;:]+(?=;)|:[^(),;]+", text):
        if token == "(":
            open_tips.append([])
        elif token == ")":
            closed = open_tips.pop()
            open_tips[-1] += closed
        elif token.startswith(":"):
            for name in closed:
                found[name] += float(token[1:])
        elif token not in ",;\n" and token.strip():
            closed = [token]
            found[token] = 0.0
            open_tips[-1].append(token)
    assert list(found) == [n.replace(" ", "_") for n in names]
    root = tree.age_my[0]
    assert np.allclose(list(found.values()), root, rtol=1e-4, atol=1e-4)


@given(st.integers(8, 3000))
def test_every_body_plan_gets_species_and_none_is_lost(species: int) -> None:
    counts = share_species(species)
    assert sum(counts) == species
    assert min(counts) >= 1
    assert len(counts) == len(CLADES)


@given(st.sets(st.sampled_from([c.plan for c in CLADES]), min_size=1))
def test_body_plans_by_themselves_part_when_they_do_among_all(chosen: set[PlanName]) -> None:
    def parted(clades: tuple[Clade, ...]) -> dict[tuple[str, str], float]:
        tree = from_depths(draw_depths([2] * len(clades), 0.5, stream(0), clades))
        apart = tree.divergence_my()
        pairs = [(i, j) for i in range(len(clades)) for j in range(i)]
        return {(clades[i].plan, clades[j].plan): apart[2 * i, 2 * j] for i, j in pairs}

    assert parted(clades_of(chosen)).items() <= parted(CLADES).items()
    assert [c.plan for c in clades_of(chosen)] == [c.plan for c in CLADES if c.plan in chosen]
    assert clades_of(()) == CLADES


@given(depth_lists, st.floats(0.1, 1.0))
def test_a_cut_leaves_the_groups_asked_for_and_younger_cuts_nest(depths: list[float], exponent: float) -> None:
    array = np.array(depths)
    n = len(depths) + 1
    groups, finer = cut(array, exponent), cut(array, min(1.0, exponent + 0.2))
    assert len(groups) == n
    assert groups[-1] + 1 == min(n, max(1, round(n**exponent)))
    for group in np.unique(finer):
        assert len(np.unique(groups[finer == group])) == 1


def test_brownian_tips_covary_by_the_time_they_share() -> None:
    tree = from_depths(np.array([3.0, 10.0, 1.0, 6.0, 2.0]))
    rate, k = 0.7, 40_000
    tips = brownian(tree, rate, np.zeros(k), stream(2, "bm"))
    expected = rate * (tree.age_my[0] - tree.divergence_my())
    assert np.abs(tips.mean(1)).max() < 5 * np.sqrt(rate * 10.0 / k)
    # Standard error of a covariance of normal variables: sqrt((v_i v_j + c_ij^2) / k).
    error = np.sqrt((np.outer(np.diag(expected), np.diag(expected)) + expected**2) / k)
    assert (np.abs(np.cov(tips) - expected) < 5 * error).all()


def test_ornstein_uhlenbeck_is_stationary_and_forgets_exponentially() -> None:
    tree = from_depths(np.array([3.0, 10.0, 1.0]))
    pull, k = 0.12, 40_000
    rng = stream(3, "ou")
    tips = ornstein_uhlenbeck(tree, pull, rng.standard_normal(k), rng)
    expected = np.exp(-2 * pull * tree.divergence_my())
    assert (np.abs(np.cov(tips) - expected) < 5 * np.sqrt((1 + expected**2) / k)).all()


@pytest.mark.parametrize("states", [2, 3, 5])
def test_mk_keeps_its_stationary_law_and_its_transition_probability(states: int) -> None:
    tree = from_depths(np.array([4.0, 9.0]))
    rate, k = 0.1, 40_000
    rng = stream(4, "mk", states)
    tips = mk(tree, states, rate, rng.integers(0, states, k), rng)
    for tip in tips:
        assert np.abs(np.bincount(tip, minlength=states) / k - 1 / states).max() < 5 * np.sqrt(0.25 / k)
    same = 1 / states + (states - 1) / states * np.exp(-states * rate * 2 * 4.0 / (states - 1))
    assert abs((tips[0] == tips[1]).mean() - same) < 5 * np.sqrt(0.25 / k)


@given(st.lists(st.floats(-8, 8), min_size=2, max_size=20))
def test_latent_values_map_into_the_range_in_order(latent: list[float]) -> None:
    trait = Trait("width", "width", low=-2.0, high=7.0)
    mapped = to_range(np.sort(latent), trait)
    assert (mapped >= trait.low).all()
    assert (mapped <= trait.high).all()
    assert (np.diff(mapped) >= 0).all()


@given(st.integers(8, 90), st.integers(0, 2**40))
@settings(max_examples=12, deadline=None)
def test_names_are_unique_and_lead_back_to_their_lineage(species: int, seed: int) -> None:
    world = draw_tree(DrawSettings(species=species, seed=seed))
    taxa = world.taxa
    assert taxa["scientificName"].is_unique().all()
    assert taxa["taxonID"].is_unique().all()
    parent = dict(zip(taxa["taxonID"], taxa["parentNameUsageID"], strict=True))
    name = dict(zip(taxa["taxonID"], taxa["scientificName"], strict=True))
    by_name = {v: k for k, v in name.items()}
    place = {taxon: i for i, taxon in enumerate(taxa["taxonID"])}
    for row in world.species.iter_rows(named=True):
        path = [by_name[row["scientificName"]]]
        while parent[path[-1]]:
            assert place[parent[path[-1]]] < place[path[-1]]
            path.append(parent[path[-1]])
        assert path[0] == row["taxonID"]
        assert [name[p] for p in reversed(path[1:])] == [row[term] for term in LINEAGE[:6]]
        assert split_binomial(row["scientificName"]) == (row["genus"], row["specificEpithet"])
        assert row["family"].endswith(FAMILY_ENDING[row["kingdom"]])
        assert row["vernacular_en"]
        assert row["vernacular_de"][0].isupper()


def test_adjectives_agree_with_their_genus() -> None:
    assert [agree("mirus", g) for g in ("m", "f", "n")] == ["mirus", "mira", "mirum"]
    assert [agree("gracilis", g) for g in ("m", "f", "n")] == ["gracilis", "gracilis", "gracile"]
    assert [agree("pulcher", g) for g in ("m", "f", "n")] == ["pulcher", "pulchra", "pulchrum"]
    assert agree("elegans", "n") == "elegans"


@pytest.mark.parametrize("name", ["Genus", "genus epithet", "Genus Epithet", "Genus epithet ssp", ""])
def test_what_is_no_binomial_is_refused(name: str) -> None:
    with pytest.raises(BadData, match="species name"):
        split_binomial(name)


def test_a_world_of_one_body_plan_whose_species_share_their_plumage() -> None:
    plumage = ("*_hue", "*_lightness", "*_chroma", "*_pattern")
    finches = draw_tree(DrawSettings(species=40, plans=("bird",), shared=plumage))
    birds = draw_tree(DrawSettings(species=40, plans=("bird",)))
    assert set(finches.species["plan"]) == {"bird"}
    assert finches.species["order"].n_unique() > 1
    for trait in plans.TRAITS["bird"]:
        own, free = finches.species[f"trait_{trait.name}"], birds.species[f"trait_{trait.name}"]
        if not any(fnmatchcase(trait.name, pattern) for pattern in plumage):
            assert own.equals(free), "what is not shared evolves as it does without"
        elif trait.states:
            assert set(own) == {trait.states[0]}
        else:
            assert own.to_numpy() == pytest.approx((trait.low + trait.high) / 2)
            assert free.n_unique() == 40
    with pytest.raises(BadSetting, match="petal_hue"):
        draw_tree(DrawSettings(plans=("bird",), shared=("petal_hue",)))


def test_too_few_species_are_refused() -> None:
    with pytest.raises(BadSetting, match="species"):
        draw_tree(DrawSettings(species=7))


@pytest.fixture(scope="module")
def large() -> DrawnTree:
    return draw_tree(DrawSettings(species=700, seed=5))


def test_taxa_of_every_rank_are_clades(large: DrawnTree) -> None:
    divergence = large.phylogeny.divergence_my()
    for term in LINEAGE[:6]:
        group = large.species[term].to_numpy()
        same = group[:, None] == group
        within = np.where(same, divergence, 0.0).max(axis=1)
        without = np.where(same, np.inf, divergence).min(axis=1)
        assert (within < without).all()


def pair_correlation(world: DrawnTree, clade: str, column: str) -> float:
    """Correlation over all pairs of species of a plan of their difference in `column` with their divergence time."""
    rows = np.flatnonzero((world.species["plan"] == clade).to_numpy())
    time = world.phylogeny.divergence_my()[np.ix_(rows, rows)]
    value = world.species[column].to_numpy()[rows]
    apart = value[:, None] != value if value.dtype == object else np.abs(value[:, None] - value)
    upper = np.triu_indices(len(rows), 1)
    return float(np.corrcoef(apart[upper].astype(float), time[upper])[0, 1])


def test_relatives_look_alike_but_do_not_live_alike(large: DrawnTree) -> None:
    body, home = [], []
    for plan, traits in plans.TRAITS.items():
        home.append(pair_correlation(large, plan, "habitat"))
        body += [pair_correlation(large, plan, f"latent_{t.name}") for t in traits if not t.states]
    assert np.mean(body) > 0.15
    assert abs(np.mean(home)) < 0.02
    assert np.max(np.abs(home)) < 0.1


def test_habitat_moves_colour_in_every_clade_alike(large: DrawnTree) -> None:
    for plan, (lightness, chroma) in CONVERGENT.items():
        assert {lightness, chroma} <= {t.name for t in plans.TRAITS[plan]}
        own = large.species.filter(pl.col("plan") == plan)
        mean = {h: own.filter(pl.col("habitat") == h) for h in ("desert", "forest")}
        light = {h: float(t[f"latent_{lightness}"].to_numpy().mean()) for h, t in mean.items()}
        colour = {h: float(t[f"latent_{chroma}"].to_numpy().mean()) for h, t in mean.items()}
        assert light["desert"] - light["forest"] > 1.0
        assert colour["forest"] - colour["desert"] > 0.7


def test_no_two_species_of_a_plan_look_the_same(large: DrawnTree) -> None:
    for plan, traits in plans.TRAITS.items():
        own = large.species.filter(pl.col("plan") == plan)
        scaled = [own[f"trait_{t.name}"].to_numpy() / (t.sd_within * (t.high - t.low)) for t in traits if not t.states]
        values = np.stack(scaled, axis=1)
        apart = np.sqrt(((values[:, None] - values) ** 2).sum(-1)) + 1e9 * np.eye(len(own))
        # d' of 4 between the nearest two: an ideal observer of the traits errs in 2.3 % of pairs at worst.
        assert apart.min() > 4.0


def test_abundance_has_a_long_tail_and_sums_to_one() -> None:
    ecology = draw_ecology(["beetle"] * 5000, 1.0, stream(6, "ecology"))
    abundance = np.sort(ecology["abundance"].to_numpy())[::-1]
    assert np.isclose(abundance.sum(), 1.0)
    # A lognormal of sigma 1 puts Phi(1 + Phi^-1(0.1)) = 39 % of all individuals into the commonest tenth.
    assert abs(abundance[:500].sum() - 0.39) < 0.04
    assert draw_ecology(["bird"] * 9, 0.0, stream(6, "even"))["abundance"].to_numpy() == pytest.approx(1 / 9)


@given(st.floats(0, 364), st.floats(8, 25))
@settings(max_examples=15, deadline=None)
def test_seasons_peak_where_they_should_and_wrap_around_the_year(peak: float, sd: float) -> None:
    rng = stream(7, "season")
    days = np.array([season_date(2019, peak, sd, rng).timetuple().tm_yday - 1 for _ in range(1500)])
    off = (days + 0.5 - peak + 182.5) % 365 - 182.5
    assert abs(off.mean()) < 5 * sd / np.sqrt(1500)
    assert 0.85 * sd < off.std() < 1.2 * sd


@given(st.floats(-60, 60), st.floats(-179, 179), st.floats(-400, 400), st.floats(-400, 400))
def test_an_offset_is_as_long_as_it_says(lat: float, lon: float, north: float, east: float) -> None:
    there = offset_place(lat, lon, north, east)
    assert -180 <= there[1] < 180
    a, b = np.radians([lat, lon]), np.radians(there)
    half = np.sin((b[0] - a[0]) / 2) ** 2 + np.cos(a[0]) * np.cos(b[0]) * np.sin((b[1] - a[1]) / 2) ** 2
    km = 2 * 6371.0088 * np.arcsin(np.sqrt(half))
    assert km == pytest.approx(np.hypot(north, east), rel=0.08, abs=0.01)


def test_the_same_seed_gives_the_same_world_and_another_seed_another() -> None:
    first, again, other = (draw_tree(DrawSettings(species=24, seed=s)) for s in (3, 3, 4))
    assert first.species.equals(again.species)
    assert first.taxa.equals(again.taxa)
    assert not set(first.species["scientificName"]) & set(other.species["scientificName"])

"""Rinderpest as a disease: cattle rest where SEIR says, vaccination ends it where theory says, and wildebeest pay for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from merian.twin.ecosystem import Ecosystem, made
from merian.twin.fields.rinderpest import Rinderpest, critical_share, endemic_cattle, followed
from merian.twin.fields.serengeti import WILDEBEEST, ZEBRA
from merian.twin.worked import shipped

HOW = Rinderpest()


@pytest.fixture(scope="module")
def savanna() -> Ecosystem:
    worked = shipped("savanna")
    return made(worked.facts, worked.landscape(0, 8))


@pytest.mark.parametrize("r0", [1.4, 3.0])
def test_cattle_rest_at_one_over_r0(r0: float) -> None:
    # deaths by the disease are replaced, as by births: at rest one over R0 is left to catch it, but for what herders bring in
    how = replace(HOW, cattle_r0=r0, cattle_fatal=0.0)
    found = endemic_cattle(how)
    assert found.sum() == pytest.approx(1.0)
    assert found[0] == pytest.approx(1 / r0, rel=0.01)
    assert found[2] > 0
    births = how.cattle_births_year / 365.25
    # as many fall ill as are born to catch it
    assert found[1] / how.incubation_days == pytest.approx(births * (1 - found[0]), rel=0.02)


def test_vaccination_ends_it_from_the_critical_share_on() -> None:
    assert critical_share(HOW) == pytest.approx(1 - 1 / HOW.cattle_r0, abs=0.01)
    assert endemic_cattle(HOW, 0.6, 40)[1:3].sum() < 1e-6
    assert endemic_cattle(HOW, 0.2, 40)[1:3].sum() > 1e-4


def test_wildebeest_pay_for_it_and_zebra_do_not(savanna: Ecosystem) -> None:
    balance = savanna.balance()
    names, spans = list(balance.web.names), (25, 6)
    herd, zebra = names.index(WILDEBEEST), names.index(ZEBRA)
    found = followed(savanna, balance, HOW, spans=spans)
    begin = int(np.searchsorted(found.years, 0.0))
    assert found.heads[begin, herd] < 0.5 * found.heads[0, herd]
    assert found.heads[begin, zebra] == pytest.approx(found.heads[0, zebra], rel=0.1)
    assert found.infected[begin] > 100
    assert found.infected[-1] < 1
    assert found.heads[-1, herd] > 1.5 * found.heads[begin, herd]
    # vaccination below the share leaves both as they are; and of a disease that kills none the herd knows nothing
    weak = followed(savanna, balance, HOW, vaccinated=0.1, spans=spans)
    assert weak.infected[-1] > 100
    assert weak.heads[-1, herd] < 1.2 * weak.heads[begin, herd]
    mild = followed(savanna, balance, replace(HOW, fatal=0.0), spans=(10, 0))
    assert mild.heads[-1, herd] == pytest.approx(mild.heads[0, herd], rel=1e-3)


def test_the_force_of_infection_is_that_of_the_serology() -> None:
    assert 1 - np.exp(-HOW.caught_year) == pytest.approx(0.67)
    # so that survival of those who meet it halves, as was seen
    assert 1 - 0.67 * HOW.fatal == pytest.approx(0.5)

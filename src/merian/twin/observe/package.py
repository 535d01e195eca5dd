"""What cameras bring home as files that others read: a Camtrap DP 1.0.2 data package of deployments, media and observations that nobody has named yet.

Fields as in tdwg/camtrap-dp (doi:10.1002/rse2.374). The place is made up: the window lies at a corner of whole degrees, where longitude is as wide as at the
equator.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from merian.core import store
from merian.twin.observe.passing import Stands

__all__ = ["BEGAN", "DEPLOYMENTS", "MEDIA", "Taken", "written"]

BEGAN = datetime(2025, 1, 1)
"""When all worlds begin, UTC."""
SOUTH_DEG, EAST_DEG = -2.0, 35.0
"""Corner of the window. A choice."""
DEGREE_M = 111_195.0
"""A degree of latitude on a sphere of 6,371 km."""
PROFILE = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2/"
DEPLOYMENTS, MEDIA, OBSERVATIONS = "deployments.csv", "media.csv", "observations.csv"
Taken = tuple[str, int, datetime, str]
"""A photo: its mediaID, the camera, when it was taken, and where its file lies, relative to the package."""


def written(folder: Path, stands: Stands, days: float, photos: Sequence[Taken], title: str) -> None:
    """Write datapackage.json, deployments.csv, media.csv and observations.csv (each photo unclassified) to a folder."""
    deployments = _deployments(stands, days)
    names = deployments["deploymentID"].to_list()
    times = [_time(when) for _, _, when, _ in photos]
    owners = [names[camera] for _, camera, _, _ in photos]
    ids, places = [photo for photo, *_ in photos], [place for *_, place in photos]
    media = pl.DataFrame(
        {
            "mediaID": ids,
            "deploymentID": owners,
            "captureMethod": ["activityDetection"] * len(photos),
            "timestamp": times,
            "filePath": places,
            "filePublic": ["true"] * len(photos),
            "fileName": [place.rsplit("/", 1)[-1] for place in places],
            "fileMediatype": ["image/jpeg"] * len(photos),
        },
        schema_overrides={"mediaID": pl.String, "deploymentID": pl.String, "timestamp": pl.String},
    )
    observations = media.select(
        observationID=pl.col("mediaID") + "_1",
        deploymentID="deploymentID",
        mediaID="mediaID",
        eventStart="timestamp",
        eventEnd="timestamp",
        observationLevel=pl.lit("media"),
        observationType=pl.lit("unclassified"),
        scientificName=pl.lit(None, dtype=pl.String),
    )
    for name, frame in ((DEPLOYMENTS, deployments), (MEDIA, media), (OBSERVATIONS, observations)):
        store.write_text(folder / name, frame.write_csv())
    store.write_json(folder / "datapackage.json", _package(deployments, days, title))


def _deployments(stands: Stands, days: float) -> pl.DataFrame:
    """A row for each camera."""
    count = len(stands.places)
    # y goes south, and headings of compasses go clockwise from north
    latitude = SOUTH_DEG - stands.places[:, 1] / DEGREE_M
    longitude = EAST_DEG + stands.places[:, 0] / DEGREE_M
    heading = np.degrees(stands.places[:, 2] + 0.5 * np.pi) % 360
    return pl.DataFrame(
        {
            "deploymentID": [f"d{at:04d}" for at in range(count)],
            "locationID": [f"p{at:04d}" for at in range(count)],
            "latitude": latitude.round(6),
            "longitude": longitude.round(6),
            "coordinateUncertainty": [1] * count,
            "deploymentStart": [_time(BEGAN)] * count,
            "deploymentEnd": [_time(BEGAN + timedelta(days=days))] * count,
            "cameraID": [f"c{at:04d}" for at in range(count)],
            "cameraModel": ["drawn"] * count,
            "cameraHeading": np.floor(heading).astype(int),
            "detectionDistance": [1000.0 * stands.zone.radius_km] * count,
            "baitUse": ["false"] * count,
        }
    )


def _package(deployments: pl.DataFrame, days: float, title: str) -> dict[str, object]:
    """What the package says of itself."""
    names = {"deployments": DEPLOYMENTS, "media": MEDIA, "observations": OBSERVATIONS}
    resources = [
        {
            "name": name,
            "path": path,
            "profile": "tabular-data-resource",
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "schema": f"{PROFILE}{name}-table-schema.json",
        }
        for name, path in names.items()
    ]
    (west, east), (south, north) = (
        (deployments[axis].min(), deployments[axis].max()) for axis in ("longitude", "latitude")
    )
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "resources": resources,
        "profile": f"{PROFILE}camtrap-dp-profile.json",
        "name": "merian-twin-watch",
        "title": title,
        "description": "Made-up photos of a simulated world, drawn by Merian.",
        "created": _time(BEGAN),
        "contributors": [{"title": "Merian", "role": "publisher"}],
        "licenses": [{"name": "CC0-1.0", "scope": "data"}, {"name": "CC0-1.0", "scope": "media"}],
        "project": {
            "title": title,
            "samplingDesign": "simpleRandom",
            "captureMethod": ["activityDetection"],
            "individualAnimals": False,
            "observationLevel": ["media"],
        },
        "spatial": {"type": "Polygon", "coordinates": [corners]},
        "temporal": {"start": f"{BEGAN:%Y-%m-%d}", "end": f"{BEGAN + timedelta(days=days):%Y-%m-%d}"},
        "taxonomic": [],
    }


def _time(when: datetime) -> str:
    return when.replace(microsecond=0).isoformat() + "Z"

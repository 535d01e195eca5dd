# ruff: noqa: E501, SIM905 - true tables are wide
"""Every format that Merian reads images from, written small and true: a few records whose answer is known from their description."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl
from photos import encoded, noise

DWC = "http://rs.tdwg.org/dwc/terms/"
DC = "http://purl.org/dc/terms/"
AC = "http://rs.tdwg.org/ac/terms/"
GBIF = "http://rs.gbif.org/terms/1.0/"
DC_TERMS = frozenset("type format identifier references license rightsHolder creator publisher title rights".split())
AC_TERMS = frozenset("accessURI variant providerManagedID associatedObservationReference furtherInformationURL".split())
LIVES = ("Animalia", "Chordata", "Mammalia", "Carnivora", "Felidae", "Puma", "Puma concolor")
RANK_NAMES = ("kingdom", "phylum", "class", "order", "family", "genus", "species")


def picture(seed: int) -> bytes:
    """The bytes of a photo."""
    return encoded(noise(seed), "JPEG")


def rows_text(header: Sequence[str], rows: Sequence[Sequence[object]], separator: str = "\t") -> str:
    """A text table without quoting."""
    return "".join(separator.join("" if v is None else str(v) for v in row) + "\n" for row in (header, *rows))


def term(name: str) -> str:
    """The address of a term."""
    if name == "gbifID":
        return GBIF + name
    return (DC if name in DC_TERMS else AC if name in AC_TERMS else DWC) + name


def meta_xml(tables: Sequence[tuple[str, str, Sequence[str]]]) -> str:
    """meta.xml of tab-separated tables (file, rowType, columns); the first is the core, and the first column of each is the link."""
    parts = []
    for number, (file, row_type, columns) in enumerate(tables):
        kind, key = ("core", "id") if number == 0 else ("extension", "coreid")
        fields = "".join(
            f'<field index="{k}" term="{term(c)}"/>' for k, c in enumerate(columns) if k or c not in ("id", "coreid")
        )
        parts.append(
            f'<{kind} encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" fieldsEnclosedBy="" ignoreHeaderLines="1" '
            f'rowType="{row_type}"><files><location>{file}</location></files><{key} index="0"/>{fields}</{kind}>'
        )
    return f'<archive xmlns="http://rs.tdwg.org/dwc/text/">{"".join(parts)}</archive>'


def files_of(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """`folder` with these files."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def zipped(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """A ZIP of these files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


OCCURRENCE = (
    "id", "occurrenceID", "basisOfRecord", "scientificName", *RANK_NAMES[:6], "eventDate", "decimalLatitude", "decimalLongitude", "countryCode", "license",
    "rightsHolder", "institutionCode", "collectionCode", "catalogNumber", "sex", "lifeStage", "habitat", "behavior", "organismID", "eventID", "associatedMedia",
)  # fmt: skip
RECORDS = (
    ("1", "occ:1", "HumanObservation", "Puma concolor (Linnaeus, 1771)", *LIVES[:6], "2021-05-04", 10.5, -84.0, "CR", "CC0", "Ana", "MNCR", "Mam", "77", "female", "adult", "forest", "resting", "puma-7", "ev1", ""),
    ("2", "occ:2", "PreservedSpecimen", "Puma concolor", *LIVES[:6], "1899", "", "", "PE", "CC0", "LSUMZ", "LSUMZ", "Mam", "14451", "", "", "", "", "", "", ""),
    ("3", "occ:3", "HumanObservation", "Pica pica", *LIVES[:2], "Aves", "Passeriformes", "Corvidae", "Pica", "2020", 50.1, 4.2, "BE", "CC-BY", "Bob", "", "", "", "", "", "", "", "", "", "https://x.org/p1.jpg | https://x.org/p2.jpg"),
    ("4", "occ:4", "HumanObservation", "Pica pica", *LIVES[:2], "Aves", "Passeriformes", "Corvidae", "Pica", "2020", 50.1, 4.2, "BE", "CC-BY", "Bob", "", "", "", "", "", "", "", "", "", ""),
)  # fmt: skip
SIMPLE = ("coreid", "type", "format", "identifier", "references", "license", "rightsHolder", "creator", "publisher")
MEDIA = (
    ("1", "StillImage", "image/jpeg", "https://x.org/a.jpg", "https://x.org/a", "CC-BY-4.0", "", "Cam Era", "X Museum"),
    ("1", "StillImage", "image/jpeg", "images/b.jpg", "", "", "", "", ""),
    ("2", "StillImage", "", "https://x.org/c.jpg", "", "", "Dora", "", ""),
    ("1", "Sound", "audio/mpeg", "https://x.org/roar.mp3", "", "", "", "", ""),
    ("9", "StillImage", "image/jpeg", "https://x.org/lost.jpg", "", "", "", "", ""),
)


def dwca_files() -> dict[str, str | bytes]:
    """An occurrence core with Simple Multimedia: 2 + 1 still images, a sound, an image of no record, two addresses in associatedMedia, a record without."""
    tables = (("occurrence.txt", DWC + "Occurrence", OCCURRENCE), ("multimedia.txt", GBIF + "Multimedia", SIMPLE))
    return {
        "meta.xml": meta_xml(tables),
        "occurrence.txt": rows_text(OCCURRENCE, RECORDS),
        "multimedia.txt": rows_text(SIMPLE, MEDIA),
        "images/b.jpg": picture(1),
        "eml.xml": "<eml><dataset><title>Small cats</title></dataset></eml>",
    }


def dwca_folder(folder: Path) -> Path:
    return files_of(folder / "dwca", dwca_files())


def dwca_zip(folder: Path) -> Path:
    return zipped(folder / "dwca.zip", dwca_files())


def audubon(folder: Path) -> Path:
    """An event core with occurrences, and Audubon Core media on the events: one of a named occurrence, one of an event with two taxa."""
    event = ("id", "eventID", "eventDate", "decimalLatitude", "decimalLongitude", "habitat")
    seen = ("coreid", "occurrenceID", "scientificName", "sex", "basisOfRecord")
    media = (
        "coreid",
        "identifier",
        "accessURI",
        "variant",
        "associatedObservationReference",
        "format",
        "license",
        "rightsHolder",
    )
    tables = (
        ("event.txt", DWC + "Event", event),
        ("occurrence.txt", DWC + "Occurrence", seen),
        ("media.txt", AC + "Multimedia", media),
    )
    return files_of(
        folder / "audubon",
        {
            "meta.xml": meta_xml(tables),
            "event.txt": rows_text(event, [("e1", "e1", "2022-01-02", 1.0, 2.0, "scrub"), ("e2", "e2", "2022-01-03", 1.0, 2.0, "dune")]),
            "occurrence.txt": rows_text(seen, [("e1", "o1", "Vulpes vulpes", "male", "MachineObservation"), ("e2", "o2", "Lutra lutra", "", ""), ("e2", "o3", "Meles meles", "", "")]),
            "media.txt": rows_text(media, [
                ("e1", "m1", "https://x.org/m1.jpg", "Best Quality", "", "image/jpeg", "CC0", "Eve"),
                ("e1", "m1", "https://x.org/m1t.jpg", "Thumbnail", "", "image/jpeg", "CC0", "Eve"),
                ("e2", "m2", "https://x.org/m2.jpg", "", "o3", "image/jpeg", "CC0", "Eve"),
                ("e2", "m3", "https://x.org/m3.jpg", "", "", "image/jpeg", "CC0", "Eve"),
            ]),
        },
    )  # fmt: skip


GBIF_CORE = ("gbifID", "occurrenceID", "basisOfRecord", "scientificName", *RANK_NAMES, "license", "rightsHolder", "publisher", "datasetKey", "mediaType", "occurrenceStatus", "issue")  # fmt: skip


def gbif_dwca(folder: Path) -> Path:
    """A download of two records, one of them of absence."""
    media = ("gbifID", "type", "format", "identifier", "license", "rightsHolder")
    core = [
        ("401", "urn:1", "PRESERVED_SPECIMEN", "Puma concolor (Linnaeus, 1771)", *LIVES, "CC_BY_4_0", "LSUMZ", "LSU", "d-1", "StillImage", "PRESENT", ""),
        ("402", "urn:2", "HUMAN_OBSERVATION", "Puma concolor (Linnaeus, 1771)", *LIVES, "CC0_1_0", "Ana", "iNat", "d-2", "", "ABSENT", ""),
    ]  # fmt: skip
    tables = (("occurrence.txt", DWC + "Occurrence", GBIF_CORE), ("verbatim.txt", DWC + "Occurrence", ("gbifID", "scientificName")), ("multimedia.txt", GBIF + "Multimedia", media))  # fmt: skip
    return zipped(
        folder / "0001-gbif.zip",
        {
            "meta.xml": meta_xml(tables),
            "occurrence.txt": rows_text(GBIF_CORE, core),
            "verbatim.txt": rows_text(("gbifID", "scientificName"), [("401", "puma conc.")]),
            "multimedia.txt": rows_text(media, [("401", "StillImage", "image/jpeg", "https://m.org/1.jpg", "CC BY", "")]),
            "rights.txt": "", "citations.txt": "", "dataset/d-1.xml": "<eml/>",
        },
    )  # fmt: skip


GBIF_SIMPLE = ("gbifID", "datasetKey", "occurrenceID", *RANK_NAMES, "scientificName", "countryCode", "occurrenceStatus", "decimalLatitude", "decimalLongitude", "eventDate", "basisOfRecord", "institutionCode", "license", "rightsHolder", "mediaType", "issue")  # fmt: skip
GBIF_ROWS = (
    ("501", "d-1", "o-1", *LIVES, "Puma concolor (L.)", "CR", "PRESENT", 9.5, -83.5, "2020-02-02T10:00", "HUMAN_OBSERVATION", "iNaturalist", "CC_BY_NC_4_0", "Ana", "StillImage;StillImage", ""),
    ("502", "d-1", "o-2", *LIVES, "Puma concolor (L.)", "CR", "PRESENT", None, None, "2020", "PRESERVED_SPECIMEN", "LSU", "CC0_1_0", None, "", ""),
)  # fmt: skip


def gbif_csv(folder: Path) -> Path:
    return zipped(folder / "0002-gbif.zip", {"0002-gbif.csv": rows_text(GBIF_SIMPLE, GBIF_ROWS)})


def gbif_parquet(folder: Path) -> Path:
    """A folder occurrence.parquet of files without suffix, lower-case columns and arrays of media types, as in the cloud; with multimedia.txt beside it."""
    place = folder / "gbif_parquet" / "occurrence.parquet"
    place.mkdir(parents=True)
    for number, row in enumerate(GBIF_ROWS):
        frame = pl.DataFrame([row], schema=[c.lower() for c in GBIF_SIMPLE], orient="row")
        kinds = [[m for m in str(row[-2]).split(";") if m]]
        frame = frame.with_columns(
            pl.col("gbifid").cast(pl.Int64),
            pl.Series("mediatype", kinds, pl.List(pl.String)),
            pl.Series("issue", [[]], pl.List(pl.String)),
        )
        frame = frame.with_columns(
            pl.col("decimallatitude", "decimallongitude").cast(pl.Float64), pl.col("rightsholder").cast(pl.String)
        )
        frame.write_parquet(place / f"{number:06d}")
    media = ("gbifID", "type", "format", "identifier", "license")
    (place.parent / "multimedia.txt").write_text(
        rows_text(media, [("501", "StillImage", "image/jpeg", "https://m.org/501.jpg", "CC-BY")])
    )
    return place.parent


def inaturalist(folder: Path) -> Path:
    """Three photos of two observations, one photo of none, one observation without a photo."""
    tables = {
        "photos": (("photo_uuid", "photo_id", "observation_uuid", "observer_id", "extension", "license", "width", "height", "position"), [
            ("u1", "11", "ob-1", "1", "jpg", "CC-BY-NC", 2048, 1536, 0), ("u2", "12", "ob-1", "1", "jpeg", "CC-BY-NC", 2048, 1536, 1),
            ("u3", "13", "ob-2", "2", "png", "CC0", 800, 600, 0), ("u4", "14", "ob-9", "2", "jpg", "CC0", 800, 600, 0),
        ]),
        "observations": (("observation_uuid", "observer_id", "latitude", "longitude", "positional_accuracy", "taxon_id", "quality_grade", "observed_on"), [
            ("ob-1", "1", 38.1, -122.2, 10, "43", "research", "2020-01-02"), ("ob-2", "2", "", "", "", "", "needs_id", ""),
            ("ob-3", "2", 1.0, 1.0, "", "43", "casual", "2020-01-02"),
        ]),
        "taxa": (("taxon_id", "ancestry", "rank_level", "rank", "name", "active"), [
            ("48460", "", 100, "stateofmatter", "Life", "t"), ("1", "48460", 70, "kingdom", "Animalia", "t"), ("2", "48460/1", 60, "phylum", "Chordata", "t"),
            ("40151", "48460/1/2", 50, "class", "Mammalia", "t"), ("41", "48460/1/2/40151", 20, "genus", "Puma", "t"), ("42", "48460/1/2/40151/41", 10, "species", "Puma concolor", "t"),
            ("43", "48460/1/2/40151/41/42", 5, "subspecies", "Puma concolor couguar", "t"),
        ]),
        "observers": (("observer_id", "login", "name"), [("1", "ana7", "Ana"), ("2", "bob", "")]),
    }  # fmt: skip
    place = folder / "inat"
    place.mkdir()
    for name, (header, rows) in tables.items():
        data = rows_text(header, rows).encode()
        (place / f"{name}.csv.gz").write_bytes(gzip.compress(data, mtime=0))
    return place


def eol(folder: Path) -> Path:
    """Two images of a page in the hierarchy, one of a page that is not."""
    header = "EOL content ID,EOL page ID,Medium Source URL,EOL Full-Size Copy URL,License Name,Copyright Owner\n"
    taxon = (
        "taxonID",
        "source",
        "acceptedNameUsageID",
        "parentNameUsageID",
        "scientificName",
        "taxonRank",
        "canonicalName",
        "eolID",
    )
    return files_of(
        folder / "eol",
        {
            "media_manifest_1.csv": header + '71,328672,https://s.org/7.jpg,https://content.eol.org/7.jpg,cc-by-2.0,"Smith, Ann"\n'
            "72,328672,,https://content.eol.org/8.jpg,cc-publicdomain,not provided\n73,999,https://s.org/9.jpg,,cc-by-nc-3.0,Bob\n",
            "taxon.tab": rows_text(taxon, [
                ("t1", "", "", "", "Metazoa", "kingdom", "Metazoa", "1"), ("t2", "", "", "t1", "Puma Jardine, 1834", "genus", "Puma", "2"),
                ("t3", "", "", "t2", "Puma concolor (Linnaeus, 1771)", "species", "Puma concolor", "328672"),
            ]),
        },
    )  # fmt: skip


def bioscan(folder: Path) -> Path:
    """Two specimens, one of them named to the family alone."""
    header = "processid,sampleid,taxon,phylum,class,order,family,subfamily,genus,species,dna_bin,dna_barcode,country,province_state,coord-lat,coord-lon,image_measurement_value,area_fraction,scale_factor,inferred_ranks,split,index_bioscan_1M_insect,chunk\n"
    return files_of(
        folder / "bioscan5m",
        {
            "metadata/csv/BIOSCAN_5M_Insect_Dataset_metadata.csv": header
            + "ARONZ2984-21,BIOUG1,Megaselia rufa,Arthropoda,Insecta,Diptera,Phoridae,Metopininae,Megaselia,Megaselia rufa,BOLD:AAA1,ACGT,Costa Rica,Guanacaste,10.7,-85.4,9000,0.2,1.5,0,train,,3a\n"
            "BIOAA-1,BIOUG2,Cecidomyiidae,Arthropoda,Insecta,Diptera,Cecidomyiidae,,,,BOLD:AAA2,ACGT,Canada,,,,9000,0.2,1.5,0,test,,\n",
            "images/cropped_256/train/3a/ARONZ2984-21.jpg": picture(2),
            "images/cropped_256/test/BIOAA-1.jpg": picture(3),
        },
    )


def fathomnet(folder: Path) -> Path:
    """An image with two boxes of which one was rejected, and an image without."""
    box = {"uuid": "b-1", "concept": "Bathochordaeus", "x": 10, "y": 20, "width": 100, "height": 50, "rejected": False}
    image = {
        "uuid": "i-1",
        "url": "https://f.org/i-1.png",
        "width": 1000,
        "height": 500,
        "latitude": 36.7,
        "longitude": -122.0,
        "depthMeters": 300.5,
        "timestamp": "2019-03-04T05:06:07Z",
        "valid": True,
    }
    data = [
        image | {"boundingBoxes": [box, box | {"uuid": "b-2", "rejected": True}]},
        image | {"uuid": "i-2", "boundingBoxes": []},
    ]
    return (
        files_of(folder / "fathomnet", {"images.json": json.dumps(data), "images/i-1.png": encoded(noise(4), "PNG")})
        / "images.json"
    )


def camtrap(folder: Path) -> Path:
    """Four images at one station: a boar (by its event), a fox with a box and a badger with one, nothing, a fox and a badger without boxes; and a video."""
    deployments = "deploymentID,locationID,latitude,longitude,deploymentStart,deploymentEnd,habitat\nd1,l1,51.5,4.8,2020-01-01T00:00:00Z,2020-02-01T00:00:00Z,heath\n"
    media = "mediaID,deploymentID,captureMethod,timestamp,filePath,filePublic,fileName,fileMediatype\n" + "".join(
        f"{m},d1,activityDetection,2020-01-02T03:0{k}:00+01:00,{path},true,,{kind}\n"
        for k, (m, path, kind) in enumerate([("m1", "media/m1.jpg", "image/jpeg"), ("m2", "https://x.org/m2.jpg", "image/jpeg"), ("m3", "media/m3.jpg", "image/jpeg"), ("m4", "media/m4.jpg", "image/jpeg"), ("m5", "media/m5.mp4", "video/mp4")])
    )  # fmt: skip
    columns = "observationID,deploymentID,mediaID,eventID,eventStart,eventEnd,observationLevel,observationType,scientificName,count,lifeStage,sex,behavior,individualID,bboxX,bboxY,bboxWidth,bboxHeight\n"
    observations = columns + "".join(
        f"{o},d1,{m},{e},{when},{level},{kind},{name},1,{rest}\n"
        for o, m, e, when, level, kind, name, rest in [
            (
                "o1",
                "",
                "e1",
                "2020-01-02T02:00:00Z,2020-01-02T02:00:30Z",
                "event",
                "animal",
                "Sus scrofa",
                "adult,female,foraging,boar-1,,,,",
            ),
            ("o2", "m2", "e2", ",", "media", "animal", "Vulpes vulpes", ",,,,0.1,0.2,0.3,0.4"),
            ("o3", "m2", "e2", ",", "media", "animal", "Meles meles", ",,,,0.5,0.5,0.25,0.25"),
            ("o4", "m3", "", ",", "media", "blank", "", ",,,,,,,"),
            ("o5", "m4", "e3", ",", "media", "animal", "Vulpes vulpes", ",,,,,,,"),
            ("o6", "m4", "e3", ",", "media", "animal", "Meles meles", ",,,,,,,"),
            ("o7", "m9", "", ",", "media", "animal", "Meles meles", ",,,,,,,"),
        ]
    )
    package = {
        "profile": "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0/camtrap-dp-profile.json", "title": "Heath cameras",
        "resources": [{"name": n, "path": f"{n}.csv"} for n in ("deployments", "media", "observations")],
        "contributors": [{"title": "INBO", "role": "rightsHolder"}, {"title": "GBIF.be", "role": "publisher"}],
        "licenses": [{"name": "CC0-1.0", "scope": "data"}, {"path": "http://creativecommons.org/licenses/by/4.0/", "scope": "media"}],
        "taxonomic": [{"scientificName": "Sus scrofa", "taxonRank": "species", "family": "Suidae", "genus": "Sus", "vernacularNames": {"eng": "wild boar"}}],
    }  # fmt: skip
    files: dict[str, str | bytes] = {
        "datapackage.json": json.dumps(package),
        "deployments.csv": deployments,
        "media.csv": media,
        "observations.csv": observations,
    }
    return zipped(folder / "camtrap.zip", files | {"media/m1.jpg": picture(5), "media/m3.jpg": picture(6)})


def coco(folder: Path) -> Path:
    """Two animals in boxes (pixels, shares), an empty image, one of a sequence, a corrupt one, an image with two labels and no boxes."""
    images = [
        {
            "id": f"i{k}",
            "file_name": f"a/i{k}.jpg",
            "width": 200,
            "height": 100,
            "seq_id": f"s{k // 2}",
            "location": "cam7",
            "datetime": "2022-12-31 09:52:50",
            "rights_holder": "Park",
        }
        for k in range(6)
    ]
    images[4]["corrupt"] = True
    data = {
        "info": {"version": "1.0", "description": "small", "contributor": "LILA", "license": "CDLA"},
        "images": images,
        "categories": [{"id": 0, "name": "empty"}, {"id": 1, "name": "Ursus americanus"}, {"id": 2, "name": "deer"}],
        "annotations": [
            {"id": "n1", "image_id": "i0", "category_id": 1, "bbox": [20, 10, 100, 50]},
            {"id": "n2", "image_id": "i0", "category_id": 2, "bbox_relative": [0.5, 0.5, 0.5, 0.5]},
            {"id": "n3", "image_id": "i1", "category_id": 0},
            {"id": "n4", "image_id": "i2", "category_id": 2, "sequence_level_annotation": True},
            {"id": "n5", "image_id": "i5", "category_id": 1}, {"id": "n6", "image_id": "i5", "category_id": 2},
            {"id": "n7", "image_id": "i99", "category_id": 2},
        ],
    }  # fmt: skip
    return files_of(folder / "coco", {"traps.json": json.dumps(data), "a/i0.jpg": picture(7)}) / "traps.json"


def wildlife(folder: Path) -> Path:
    """A puma, a blank, and an image of two species."""
    header = "project_id,deployment_id,image_id,filename,location,is_blank,identified_by,wi_taxon_id,class,order,family,genus,species,common_name,uncertainty,timestamp,age,sex,individual_id,number_of_objects,behavior,license\n"
    rows = (
        "1,D1,im1,a.jpg,gs://wi/a.jpg,0,Ana,t1,Mammalia,Carnivora,Felidae,Puma,concolor,Puma,,2021-02-03 04:05:06,Adult,Female,P1,1,,CC-BY\n"
        "1,D1,im2,b.jpg,gs://wi/b.jpg,1,Ana,t0,,,,,,Blank,,2021-02-03 04:06:06,,,,,,CC-BY\n"
        "1,D1,im3,c.jpg,gs://wi/c.jpg,0,Ana,t1,Mammalia,Carnivora,Felidae,Puma,concolor,Puma,,2021-02-03 04:07:06,,,,1,,CC-BY\n"
        "1,D1,im3,c.jpg,gs://wi/c.jpg,0,Ana,t2,Mammalia,Carnivora,Canidae,Canis,latrans,Coyote,,2021-02-03 04:07:06,,,,1,,CC-BY\n"
    )
    return files_of(
        folder / "wildlife",
        {
            "images.csv": header + rows,
            "deployments.csv": "project_id,deployment_id,placename,longitude,latitude\n1,D1,Ridge,-100.5,30.25\n",
        },
    )


def tarred(path: Path, files: Sequence[tuple[str, bytes]]) -> Path:
    """A tar of these files, in order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def webdataset(folder: Path) -> Path:
    """A shard in the manner of BioCLIP's and one with JSON."""
    tag = "a photo of kingdom Animalia phylum Chordata class Aves order Passeriformes family Corvidae genus Pica species hudsonia with common name black-billed magpie."
    tarred(folder / "shards" / "shard-000000.tar", [("k1.jpg", picture(8)), ("k1.taxonTag_com.txt", tag.encode()), ("k1.sci.txt", b"a photo of Pica hudsonia."), ("k1.scientific_name.txt", b"Pica hudsonia")])  # fmt: skip
    said = {
        "id": "own-1",
        "genus": "Puma",
        "species": "Puma concolor",
        "license": "CC0",
        "sex": "female",
        "latitude": 1.5,
        "longitude": 2.5,
    }
    tarred(
        folder / "shards" / "shard-000001.tar",
        [("k2.png", encoded(noise(9), "PNG")), ("k2.json", json.dumps(said).encode()), ("k3.json", b"{}")],
    )
    return folder / "shards"


FEATURES = {
    "image": {"_type": "Image"},
    "label": {"names": ["Pica pica", "Puma concolor"], "_type": "ClassLabel"},
    "license": {"dtype": "string", "_type": "Value"},
}


def hf_frame(seeds: Sequence[int]) -> pl.DataFrame:
    """Rows as a data set of Hugging Face holds them."""
    images = [{"bytes": picture(s), "path": f"{s}.jpg"} for s in seeds]
    return pl.DataFrame(
        {"image": images, "label": [s % 2 for s in seeds], "license": ["CC0" for _ in seeds]},
        schema={"image": pl.Struct({"bytes": pl.Binary, "path": pl.String}), "label": pl.Int64, "license": pl.String},
    )


def hf_parquet(folder: Path) -> Path:
    place = folder / "hf_parquet" / "data"
    place.mkdir(parents=True)
    for split, seeds in (("train", (10, 11, 12)), ("test", (13,))):
        hf_frame(seeds).write_parquet(
            place / f"{split}-00000-of-00001.parquet",
            metadata={"huggingface": json.dumps({"info": {"features": FEATURES}})},
        )
    return place.parent


def arrow_stream(frames: Sequence[pl.DataFrame]) -> bytes:
    """One Arrow stream of a record batch for each frame: the first stream's schema, then the batches of all."""
    streams = []
    for frame in frames:
        out = io.BytesIO()
        frame.write_ipc_stream(out, compat_level=pl.CompatLevel.oldest())
        streams.append(out.getvalue())
    first = streams[0]
    size = 8 + struct.unpack("<i", first[4:8])[0]
    end = b"\xff\xff\xff\xff\0\0\0\0"
    return first[:size] + b"".join(s[8 + struct.unpack("<i", s[4:8])[0] :].removesuffix(end) for s in streams) + end


def hf_arrow(folder: Path) -> Path:
    """A dictionary of one split, saved in a file of two record batches."""
    return files_of(
        folder / "hf_arrow",
        {
            "dataset_dict.json": json.dumps({"splits": ["train"]}),
            "train/state.json": json.dumps(
                {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": "train"}
            ),
            "train/dataset_info.json": json.dumps({"features": FEATURES}),
            "train/data-00000-of-00001.arrow": arrow_stream([hf_frame((14, 15)), hf_frame((16,))]),
        },
    )


def image_folder(folder: Path) -> Path:
    lines = [
        {"file_name": "1.jpg", "label": "Pica pica", "license": "CC0"},
        {"file_name": "sub/2.jpg", "label": "Puma concolor", "license": "CC0"},
    ]
    return files_of(
        folder / "imagefolder",
        {
            "train/metadata.jsonl": "\n".join(map(json.dumps, lines)),
            "train/1.jpg": picture(17),
            "train/sub/2.jpg": picture(18),
        },
    )


def darwin_core(folder: Path) -> Path:
    return files_of(
        folder / "plain",
        {"occurrence.csv": "occurrenceID,associatedMedia,scientificName\n1,a.jpg,Pica pica\n", "a.jpg": picture(19)},
    )


def photo_table(folder: Path) -> Path:
    return (
        files_of(folder / "table", {"photos.csv": "path,species\na.jpg,Pica pica\n", "a.jpg": picture(20)})
        / "photos.csv"
    )


def photo_folder(folder: Path) -> Path:
    return files_of(folder / "photos", {"Pica_pica/a.jpg": picture(21)})


FORMATS: Mapping[str, tuple[str, Callable[[Path], Path]]] = {
    "dwca folder": ("Darwin Core Archive", dwca_folder),
    "dwca zip": ("Darwin Core Archive", dwca_zip),
    "audubon": ("Darwin Core Archive", audubon),
    "gbif dwca": ("GBIF download", gbif_dwca),
    "gbif csv": ("GBIF download", gbif_csv),
    "gbif parquet": ("GBIF download", gbif_parquet),
    "inaturalist": ("iNaturalist open data", inaturalist),
    "eol": ("EOL media manifest", eol),
    "bioscan": ("BIOSCAN-5M", bioscan),
    "fathomnet": ("FathomNet", fathomnet),
    "camtrap": ("Camtrap DP", camtrap),
    "coco": ("COCO Camera Traps", coco),
    "wildlife": ("Wildlife Insights", wildlife),
    "webdataset": ("WebDataset shards", webdataset),
    "hf parquet": ("Hugging Face data set", hf_parquet),
    "hf arrow": ("Hugging Face data set", hf_arrow),
    "image folder": ("Hugging Face data set", image_folder),
    "darwin core": ("Darwin Core table", darwin_core),
    "photo table": ("photo table", photo_table),
    "photo folder": ("folder of photos", photo_folder),
}
"""What it is -> (the name of the source that reads it, what writes it into a folder)."""

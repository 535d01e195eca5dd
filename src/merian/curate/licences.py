"""Licences: what a source wrote in the licence field as one canonical id, with what it allows, and rules that pick by it.

A licence is never guessed: text that is not understood stays as it was written and counts as unknown, and so does text that names two different licences, or
one beside words that take back what it allows ("CC BY, not for commercial use").
Sources: the URLs of Creative Commons (creativecommons.org/licenses, one path segment for elements, version and port), the SPDX licence list 3.26, the Open
Definition 2.1 (opendefinition.org/od/2.1: no restriction to non-commercial use, derivatives allowed), rightsstatements.org 1.0.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

import polars as pl

from merian.core.errors import BadSetting, nearest

__all__ = ["LICENCES", "RULES", "Licence", "allowed", "normalise", "read_licence"]


@dataclass(frozen=True, slots=True)
class Licence:
    """What one licence is called and what it is known to allow: False also means "it does not say so"."""

    id: str
    url: str = ""
    spdx: str = ""
    open: bool = False
    commercial: bool = False
    derivatives: bool = False
    share_alike: bool = False


def _open(name: str, url: str = "", spdx: str = "", share_alike: bool = False) -> Licence:
    return Licence(name, url, spdx, open=True, commercial=True, derivatives=True, share_alike=share_alike)


CC = "https://creativecommons.org/"
STATEMENTS = "http://rightsstatements.org/vocab/"
LICENCES = (
    _open("CC0-1.0", CC + "publicdomain/zero/1.0/", "CC0-1.0"),
    _open("PDM-1.0", CC + "publicdomain/mark/1.0/", "CC-PDM-1.0"),
    _open("public domain"),
    _open("ODbL-1.0", "https://opendatacommons.org/licenses/odbl/1-0/", "ODbL-1.0", share_alike=True),
    _open("ODC-By-1.0", "https://opendatacommons.org/licenses/by/1-0/", "ODC-By-1.0"),
    _open("PDDL-1.0", "https://opendatacommons.org/licenses/pddl/1-0/", "PDDL-1.0"),
    _open("OGL-UK-3.0", "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/", "OGL-UK-3.0"),
    _open("etalab-2.0", "https://www.etalab.gouv.fr/licence-ouverte-open-licence/", "etalab-2.0"),
    _open("LAL-1.3", "https://artlibre.org/licence/lal/en/", "LAL-1.3", share_alike=True),
    _open("GFDL", "https://www.gnu.org/licenses/fdl.html", "", share_alike=True),
    _open("MIT", "https://opensource.org/license/mit", "MIT"),
    _open("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0", "Apache-2.0"),
    Licence("no known copyright restrictions", STATEMENTS + "NKC/1.0/"),
    Licence("no copyright in the United States", STATEMENTS + "NoC-US/1.0/"),
    Licence("in copyright, educational use permitted", STATEMENTS + "InC-EDU/1.0/"),
    Licence("usage conditions apply"),
    Licence("all rights reserved", STATEMENTS + "InC/1.0/"),
)
"""Licences and statements besides those of Creative Commons, which follow from their elements. "No known copyright restrictions" is a belief, not a permission:
who trusts it lists it by its id."""
RULES = ("any", "known", "open", "commercial", "derivatives")
"""Rules by word; a comma list may mix them with ids, and an id without a version (CC-BY) stands for all of its versions."""
UNKNOWN = frozenset(
    ("", "-", "?", "none", "null", "nan", "n/a", "na", "unknown", "unspecified", "not specified", "not provided")
    + ("no license", "no licence", "not available", "undetermined", "see metadata")
)
_BY_ID = {licence.id: licence for licence in LICENCES}


def _address(url: str) -> str:
    """An address without what does not tell it from another: http or https, www, the slash at its end."""
    return re.sub(r"^https?://(?:www\.)?", "", url.lower()).rstrip("/")


_BY_ADDRESS = {_address(licence.url): licence for licence in LICENCES if licence.url}
_WORDS = tuple(
    (re.compile(pattern), element)
    for pattern, element in (
        (r"creative[\s_-]*commons", "CC"),
        (r"attribution", "BY"),
        (r"non[\s_-]*commercial", "NC"),
        (r"no[\s_-]*deriv(?:ative)?s?(?:[\s_-]*works?)?(?![a-z])", "ND"),
        (r"share[\s_-]*alike", "SA"),
    )
)
"""Long words of the licences' names -> their elements, in capitals: "attribution" says more than "by" in a sentence."""
_PORTS = re.compile(
    "ar|at|au|be|bg|br|ca|ch|cl|cn|co|cr|cz|de|dk|ec|ee|eg|es|fi|fr|ge|gr|gt|hk|hr|hu|ie|igo|il|in|it|jp|kr|lu|mk|mt|mx|my|ng|nl|no|nz|pe|ph|pl|pr|pt|ro|rs|"
    "se|sg|si|th|tw|ua|ug|uk|us|ve|vn|za"
)
_COUNTRIES = {"germany": "de", "austria": "at", "australia": "au", "netherlands": "nl", "united states": "us"} | {
    "france": "fr",
    "japan": "jp",
    "england and wales": "uk",
    "switzerland": "ch",
    "spain": "es",
}
_VERSIONS = ("1.0", "2.0", "2.1", "2.5", "3.0", "4.0")
_PORTED_SPDX = {
    "CC-BY": "2.5-AU 3.0-AT 3.0-AU 3.0-DE 3.0-IGO 3.0-NL 3.0-US",
    "CC-BY-NC": "3.0-DE",
    "CC-BY-NC-ND": "3.0-DE 3.0-IGO",
    "CC-BY-NC-SA": "2.0-DE 2.0-FR 2.0-UK 3.0-DE 3.0-IGO",
    "CC-BY-ND": "3.0-DE",
    "CC-BY-SA": "2.0-UK 2.1-JP 3.0-AT 3.0-DE 3.0-IGO",
}
"""The ported versions that have an SPDX id of their own."""
_ELEMENTS = r"(?:by|nc|nd|sa)(?:[\s_/+,.-]*(?:by|nc|nd|sa))*"
_URL = re.compile(
    rf"creativecommons\.org(?::\d+)?/licen[cs]es/({_ELEMENTS})(?![a-z]|[-_+][a-z])(?:/(\d\.\d))?(?:/([a-z]{{2,3}})(?![a-z]))?"
)
_RUN = re.compile(rf"(?<![a-z])(cc[\s_:/-]*)?({_ELEMENTS})(?![a-z])", re.IGNORECASE)
_VERSION = re.compile(
    r"[\s_/,)-]*(?:(?:licen[cs]e|international|public|unported|generic|version|ver\.?|v\.?)[\s_/,-]*)*(\d)(?:[._](\d))?(?![\d.]?\d)"
)
_BROKEN = re.compile(r"[-_+/](?!licen|international|unported|generic|public|v(?:er(?:sion)?)?[\s.]?\d)[a-z]")
_PORT = re.compile(r"[\s_/-]+([a-z ]{2,17}?)(?=\s*(?:$|[,;)/]|licen[cs]e))")
_OTHER = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"publicdomain/zero|(?<![a-z])cc[\s_-]*(?:0|zero)(?!\d)|public domain dedication", "CC0-1.0"),
        (r"publicdomain/mark|public domain mark|^(?:cc[\s_-]*)?pdm(?:[\s_-]*1[._]0)?$", "PDM-1.0"),
        (r"public[\s_-]?domain|^(?:cc[\s_-]*)?pd$", "public domain"),
        (r"vocab/nkc|no known (?:copyright|rights|restrictions)", "no known copyright restrictions"),
        (r"vocab/noc-us", "no copyright in the United States"),
        (r"vocab/inc-edu", "in copyright, educational use permitted"),
        (r"usage conditions apply", "usage conditions apply"),
        (r"\bodbl\b|open database licen[cs]e", "ODbL-1.0"),
        (r"\bodc[\s-]by\b|opendatacommons\.org/licenses/by", "ODC-By-1.0"),
        (r"\bpddl\b", "PDDL-1.0"),
        (r"\bogl(?:[\s-]uk)?[\s-]v?3|open[\s-]government[\s-]licen[cs]e(?:/version/| v?)3", "OGL-UK-3.0"),
        (r"\betalab\b|licence[\s-]ouverte", "etalab-2.0"),
        (r"free art licen[cs]e|art libre|^lal-1\.3$", "LAL-1.3"),
        (r"\bgfdl\b|gnu free documentation", "GFDL"),
        (r"^(?:the )?mit(?: licen[cs]e)?$", "MIT"),
        (r"^apache(?:[\s-]*licen[cs]e)?[\s,-]*(?:version)?[\s-]*2(?:\.0)?$", "Apache-2.0"),
    )
)
_NOT_PUBLIC = re.compile(
    r"\b(?:not|no longer|isn't|non|until|will|may)\b[a-z -]{0,24}public[\s_-]?domain|public[\s_-]?domain in the (?:us|u\.s|united states)"
)
_RESERVED = re.compile(
    r"all rights reserved|vocab/inc/|^c$|^in copyright$|^copyright(?:ed)?$|tous droits r[ée]serv[ée]s|alle rechten? (?:vorbehalten|voorbehouden)|"
    r"todos los derechos reservados|todos os direitos reservados|tutti i diritti riservati"
)
_TAKES_BACK = {
    "commercial": re.compile(
        r"(?<![a-z0-9])n\.?c(?![a-z])|"
        r"(?<![a-z])(?:non?|not|except|nicht|keine?|pas|sin|senza|não|niet|ikke|icke)(?:[\s_-]*|[^a-z].{0,30}?[^a-z])(?:com+er[cz]|kom+er[czs])|"
        r"(?:com+er[cz]|kom+er[czs])[a-z]* .{0,24}(?:requir|prohibit|forbid|forbidden|not |permission|on request)"
    ),
    "derivatives": re.compile(
        r"(?<![a-z0-9])nd(?![a-z])|"
        r"(?<![a-z])(?:no|not|without|keine?|pas|sans|sin|senza)(?:[\s_-]*|[^a-z].{0,24}?[^a-z])(?:deriv|dériv|modif|bearbeit|obras? deriv)"
    ),
    "open": re.compile(
        r"permission (?:is )?(?:required|needed)|requires? [a-z ]{0,24}permission|(?:without|with|by) (?:prior |written |express |the )*permission|"
        r"(?:up)?on request|(?:use|purposes?) only|only (?:for|with) |"
        r"\b(?:not|never|no longer)\b[a-z ]{0,24}\b(?:cc|creative ?commons)"
    ),
}
"""What a licence allows -> words beside its name that take it back, in the languages that the licences' names are most often written in."""
_NOTICE = re.compile(r"©|\(c\)|(?<![a-z])copyright(?![a-z])")
_SOME = re.compile(r"some rights|licen[cs]|permi|allow|free|may be used|https?:|\bnot?\b|unknown")


def normalise(licences: pl.Series) -> pl.DataFrame:
    """A row for each of `licences`, in order: `licence` (canonical id; the text itself when it is not understood; null when nothing is given), `known`, `url`,
    `spdx` (null without one), `open`, `commercial`, `derivatives`, `share_alike`. Each different text is read once.
    """
    given = licences.cast(pl.String).alias("given")
    rows: list[tuple[object, ...]] = []
    for text in given.drop_nulls().unique(maintain_order=True).to_list():
        found = read_licence(text) or Licence(_left(text) or "")
        known = read_licence(text) is not None
        rights = found.open, found.commercial, found.derivatives, found.share_alike
        rows.append((text, found.id or None, known, found.url or None, found.spdx or None, *rights))
    flags = ("open", "commercial", "derivatives", "share_alike")
    schema = {"given": pl.String, "licence": pl.String, "known": pl.Boolean, "url": pl.String, "spdx": pl.String}
    table = pl.DataFrame(rows, schema=schema | dict.fromkeys(flags, pl.Boolean), orient="row")
    joined = given.to_frame().join(table, on="given", how="left", maintain_order="left").drop("given")
    return joined.with_columns(pl.col("known", *flags).fill_null(False))


def allowed(licences: pl.Series, rule: str) -> pl.Series:
    """[n] whether each licence satisfies `rule`: "any", "known", "open", "commercial", "derivatives", or a comma list of these and of ids.

    An id without a version stands for all its versions. Raises BadSetting for a rule that names no licence.
    """
    words = [word for word in (w.strip() for w in rule.split(",")) if word]
    if not words:
        raise BadSetting("licences", rule, f"must be {', '.join(RULES)}, or a list of licences such as CC0, CC-BY")
    named = [w.lower() for w in words if w.lower() in RULES]
    ids = [_id_of(word, rule) for word in words if word.lower() not in RULES]
    if "any" in named:
        return pl.Series("allowed", [True]).new_from_index(0, len(licences))
    good = [pl.col(word) for word in named]
    for name in ids:
        of_any_version = pl.col("licence").str.contains(f"^{re.escape(name)}-\\d") if name.startswith("CC-") else False
        good.append(pl.col("known") & ((pl.col("licence") == name) | of_any_version))
    return normalise(licences).select(allowed=pl.any_horizontal(*good).fill_null(False)).to_series()


@lru_cache(maxsize=65_536)
def read_licence(text: str) -> Licence | None:
    """The Licence that `text` (an id, a name, a URL, a sentence) stands for; None when it gives none, names two that differ, or is not understood."""
    plain = _plain(text)
    if plain in UNKNOWN or _NOT_PUBLIC.search(plain):
        return None
    if (address := _address(plain)) in _BY_ADDRESS:
        return _BY_ADDRESS[address]
    reserved = _RESERVED.search(plain) is not None
    others = list(dict.fromkeys(name for pattern, name in _OTHER if pattern.search(plain)))
    if others[:1] in (["CC0-1.0"], ["PDM-1.0"]):
        others = [name for name in others if name != "public domain"]  # both are called so as well
    commons = _commons(plain)
    if commons:
        free = {"CC0-1.0", "PDM-1.0", "public domain"} & set(others)
        limits = any(not _BY_ID[name].open for name in others)
        differ = len({elements for elements, _, _ in commons}) > 1
        # of several versions of one licence, or of two that were offered side by side (CC and GFDL), the user may choose
        unclear = reserved or free or limits or differ
        return None if unclear else _kept(_of_commons(*max(commons, key=lambda c: (c[1], c[2]))), plain)
    if others:
        return None if reserved or len(others) > 1 else _kept(_BY_ID[others[0]], plain)
    # a notice that grants nothing reserves all rights
    notice = _NOTICE.search(plain) is not None and not _SOME.search(plain)
    return _BY_ID["all rights reserved"] if reserved or notice else None


def _kept(licence: Licence, plain: str) -> Licence | None:
    """`licence`, unless the text takes back in other words something that it allows."""
    words = _URL.sub(" ", plain)
    allows = {"commercial": licence.commercial, "derivatives": licence.derivatives, "open": licence.open}
    return None if any(allows[right] and said.search(words) for right, said in _TAKES_BACK.items()) else licence


def _plain(text: str) -> str:
    """The text in lower case, with one kind of space, hyphen and letter: a licence written with a typographer's dash has the same elements."""
    one = unicodedata.normalize("NFKC", unquote(html.unescape(text)))
    one = re.sub("[\u2010-\u2015\u2212\u30fb\u00b7]", "-", re.sub("[\u00ad\u200b-\u200d\u2060\ufeff]", "-", one))
    return re.sub(r"\s+", " ", one).strip(" \"'").lower()


def _left(text: str) -> str | None:
    """Text that was not understood, as it stands in the table; None when it only says that nothing is known."""
    return None if _plain(text) in UNKNOWN else text.strip()


def _commons(plain: str) -> list[tuple[frozenset[str], str, str]]:
    """(elements, version, port) of every Creative Commons licence that the lower-case text names; "" where no version or port is given."""
    found = [(m[1], m[2] or "", m[3] or "") for m in _URL.finditer(plain)]
    words = _URL.sub(" ", plain)
    for pattern, element in _WORDS:
        words = pattern.sub(element, words)
    for run in _RUN.finditer(words):
        rest = words[run.end() :]
        version = _VERSION.match(rest)
        if _BROKEN.match(rest):
            return []  # "CC-BY-NX": an element that is none may stand for a restriction
        shape = run[0].strip(" (),;")
        long, alone = run[2] != run[2].lower(), not words.replace(shape, "", 1).strip(" ()_-")
        several = len(re.findall(r"by|nc|nd|sa", run[2], re.IGNORECASE)) > 1
        named = run[1] or (several and (long or alone or " " not in shape)) or (version and (long or several))
        if not named and not (long and re.match(r"[\s-]*licen[cs]e", rest)):
            continue  # "photo by", "attribution required"
        port = _PORT.match(rest[version.end() :]) if version else None
        number = f"{version[1]}.{version[2] or 0}" if version else ""
        found.append((run[2], number, port[1].strip() if port else ""))
    licences = []
    for run_, version_, port_ in found:
        elements = frozenset(re.findall(r"by|nc|nd|sa", run_.lower()))
        possible = ("by" in elements or version_ == "1.0") and not {"nd", "sa"} <= elements
        if not possible or version_ not in ("", *_VERSIONS):
            return []  # no such licence: better unknown than half understood
        licences.append((elements, version_, _port(port_, version_)))
    return licences


def _port(word: str, version: str) -> str:
    """The country code of a ported version; "" for what is none (version 4.0 has no ports)."""
    code = _COUNTRIES.get(word, word)
    return code if _PORTS.fullmatch(code) and version not in ("", "4.0") else ""


def _of_commons(elements: frozenset[str], version: str, port: str) -> Licence:
    ordered = [e for e in ("by", "nc", "nd", "sa") if e in elements]
    name = "-".join(["CC", *(e.upper() for e in ordered)])
    edition = "-".join(x for x in (version, port.upper()) if x)
    # version 1.0 wrote nd before nc in its addresses
    segment = "-".join(ordered).replace("nc-nd", "nd-nc") if version == "1.0" else "-".join(ordered)
    url = f"{CC}licenses/{segment}/{version}/" + (f"{port}/" if port else "") if version else ""
    plain_spdx = version in _VERSIONS and version != "2.1" and not port and ("by" in elements or ordered == ["sa"])
    listed = plain_spdx or edition in _PORTED_SPDX.get(name, "").split()
    full = f"{name}-{edition}" if edition else name
    commercial, derivatives = "nc" not in elements, "nd" not in elements
    return Licence(
        full, url, full if listed else "", commercial and derivatives, commercial, derivatives, "sa" in elements
    )


def _id_of(word: str, rule: str) -> str:
    """The canonical id that a word of a rule names."""
    found = read_licence(word)
    if found is not None:
        return found.id
    sets = (("by",), ("by", "sa"), ("by", "nc"), ("by", "nd"), ("by", "nc", "sa"), ("by", "nc", "nd"))
    commons = [_of_commons(frozenset(s), v, "").id for s in sets for v in ("", "4.0")]
    close = nearest(word, [*RULES, *_BY_ID, *commons], 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise BadSetting("licences", rule, f"{word!r} is neither a rule ({', '.join(RULES)}) nor a licence{hint}")

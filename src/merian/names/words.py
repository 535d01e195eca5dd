"""The words that steer the reading of a name: rank markers, author particles, qualifiers, endings that are cut off.

The categories follow the public rules of gnparser (https://github.com/gnames/gnparser, its quality.md and its examples) and the two codes
of nomenclature (https://code.iczn.org, https://www.iapt-taxon.org/nomen/main.php); the lists are our own.
"""

from __future__ import annotations

import re

__all__ = [
    "AUTHOR_STOPS",
    "BARE_RANKS",
    "ENDINGS",
    "INFORMAL",
    "LAST_EPITHETS",
    "NOT_NAMES",
    "NUMERALS",
    "ODD_EPITHETS",
    "ODD_GENERA",
    "PARTICLES",
    "QUALIFIERS",
    "RANKS",
    "RESERVED",
    "SHORT_GENERA",
    "STAGES",
    "UNCOMMON_RANKS",
    "UNINOMIAL_RANKS",
    "WHOLE_PLACEHOLDERS",
    "is_viral",
    "latin_numeral",
]


def _each(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _same(marker: str, *spellings: str) -> dict[str, str]:
    return dict.fromkeys(spellings, marker)


RANKS = {
    **_same("subsp.", "subsp", "ssp", "subspec", "subspecies", "sbsp"),
    **_same("var.", "var", "variety", "varietas"),
    **_same("f.", "f", "fo", "fa", "fm", "fma", "form", "forma"),
    **_same("subf.", "subf", "subforma"),
    **_same("f.sp.", "f.sp"),
    **{word: f"{word}." for word in ("subvar", "convar", "pseudovar", "morph", "race", "ab", "st", "pv", "pathovar")},
    **{
        word: f"{word}." for word in ("agamosp", "agamossp", "agamovar", "nvar", "lusus", "sect", "ser", "biovar", "bv")
    },
    **{f"notho{word}": f"notho{word}." for word in ("var", "f", "fo", "subsp", "ssp", "sp", "morph", "su")},
    **{"prol": "prol.", "proles": "prol.", "mut": "mut.", "nat": "nat", "natio": "natio", "*": "*"},
}
"""Spelling without its period -> marker in `full`, for ranks below the species."""

UNCOMMON_RANKS = frozenset({"*", "natio", "nat", "prol.", "mut.", "f.sp."})
"""Markers that lower the quality to 3."""

BARE_RANKS = frozenset("abcdegk")
"""Single letters that rank an epithet when a period and a blank follow ("Aus bus b. cus")."""

UNINOMIAL_RANKS = {
    **_same("subgen.", "subgen", "subg", "subgenus"),
    **_same("trib.", "trib", "tr", "tribus"),
    **_same("subtrib.", "subtrib", "subtr"),
    **_same("sect.", "sect", "section", "sectio"),
    **{word: f"{word}." for word in ("subsect", "supersect", "ser", "subser", "fam", "subfam", "superfam", "div")},
    **{word: f"{word}." for word in ("supertrib", "unr", "infrasect")},
    **{f"notho{word}": f"notho{word}." for word in ("sect", "gen", "ser", "subgen", "subg", "subsect", "subtrib")},
}
"""Spelling without its period -> marker, for ranks between two capitalised names."""

PARTICLES = _each(
    "ab af al am auf aus da das dal dalla dalle dal' de degli dei del dela della delle dello dem den der des di do dos du e el et-de"
    " i in't 't l la las le les li lo los op s't san st. st ten ter the til tot v v. v.d. d. d vd vda van vanden vander ver vom von vor"
    " y zu zum zur d' d'"
)
"""Words in lower case that can begin, or stand inside, an author's name."""

INFORMAL = {
    **_same("cf.", "cf", "cfr", "conf"),
    **_same("aff.", "aff", "affin", "affinis."),
    **_same("nr.", "nr", "near", "prope"),
    **_same("sp.", "sp", "spec", "species", "spn"),
    **_same("spp.", "spp"),
    **{"?": "?", "monst": "monst."},
}
"""Spelling without its period -> qualifier behind which nothing is certain."""

QUALIFIERS = {
    **_same("agg.", "agg", "aggr", "aggregate"),
    **_same("group", "group", "grp", "gr"),
    **_same("complex", "complex", "cplx"),
    **_same("s.l.", "s.l", "s.lat", "sl", "s.lato"),
    **_same("s.str.", "s.str", "s.s", "s.strict", "s.stricto"),
    **_same("sensu", "sensu", "sens", "sec"),
    **_same("auct.", "auct", "auctt", "auctorum"),
    **_same("bacterium", "bacterium", "cyanobacterium", "proteobacterium", "archaeon"),
    **_same("incertae sedis", "incertae", "inc", "incertaesedis"),
    **_same("uncertain", "indet", "undet", "unidentified", "undetermined"),
}
"""First word of what follows a whole name -> the qualifier it stands for; the name itself is certain."""

ENDINGS = _each(
    "and apud bis bold clade clone comb complex cultivar culture cv emend emended endosymbiont enrichment environmental et ex fide fil filius"
    " gen group haplotype hort ht in ined ined. isolate lineage mihi ms nec nob nobis nom nomen non not nov of or partim pro hybrid hybrids unpublished"
    " p.p p serotype serovar serovars stat str strain strains subclade sym syn synonym symbiont the type typo und vel vide viz with without"
    " on from for by s rna ssrna dsrna mrna rrna trna"
)
"""Words in lower case at which the reading of a name stops."""

STAGES = _each("adult ad egg eggs female fossil juv juvenile larva larvae male nymph queen worker")
"""Words that end a name after the species epithet; directly after a genus they can be the epithet (*Hirsutella male*)."""

RESERVED = frozenset(ENDINGS | PARTICLES | set(RANKS) | set(UNINOMIAL_RANKS) | set(INFORMAL) | set(QUALIFIERS))
"""No epithet, unless `ODD_EPITHETS` knows the name."""

AUTHOR_STOPS = _each(
    "Auct Auct. Auctt Auctt. BOLD Bold Cf CF MS Ms Nom Nom. Nomen Non Nec Sensu Sec Sec. ICTV Ictv NPV Npv MNPV SNPV RNA DNA OTU ASV SH"
    " Comb Comb. Stat Stat. Var Var. Ssp Ssp. Subsp Subsp. Cv Cv. Sp Spp Spp. Aff Aff. Virus Group Clade Complex Species"
)
"""Capitalised words that are no author."""

ODD_EPITHETS = {
    "ab": {"Selenops"},
    "bacterium": {"Navicula", "Spirophora"},
    "bis": {"Ruteloryctes"},
    "da": {"Semiothisa", "Eresus"},
    "dela": {
        *("Antaplaga", "Baeolidia", "Campylosphaera", "Dicentria", "Eulaira", "Paralvinella", "Schizura", "Scoparia"),
        "Tortolena",
    },
    "den": {"Agnetina", "Gnathopleustes"},
    "des": {"Desmoxytes"},
    "do": {"Odontella", "Parentia", "Tetramorium"},
    "dos": {"Meteorus", "Stenoecia"},
    "du": {"Plagiozopelma", "Sympycnus"},
    "la": {"Bolitoglossa", "Leptonetela"},
    "mihi": {"Aeolesthes", "Anisochaeta", "Eucyclops"},
    "not": {"Agra"},
    "ser": {"Helophorus", "Serina"},
    "spec": {"Castelnaudia", "Gobiosoma", "Hemicloeina", "Lampona", "Notozomus", "Trichosternus"},
    "subser": {"Serina"},
    "ten": {"Concinnum"},
    "van": {"Nocaracris", "Zodarion"},
    "zu": {"Malamatidia", "Orcevia"},
}
"""Epithets that read like an author's particle, a rank or a remark, with the genera whose published species bear them."""

ODD_GENERA = frozenset({"complex"})
"""Remarks that are an epithet directly after a genus: over twenty published species are called "complex"."""

LAST_EPITHETS = _each("ab al am da dal den di do dos du el la las le li lo los or san ten ter van ver zu")
"""Particles and remarks that are published epithets: read so right behind a genus when no author follows (*Otacilia li*, *Tethea or*)."""

SHORT_GENERA = _each("Aa As Ba Ca Do Ea Ge Ia Io Ix Ja La Lo Nu Oa Oo Qu Ra Ty Ua Zu")
"""The genera of two letters."""

_VIRAL = re.compile(
    r"(?i:virus(?:es)?\b|\bviroids?\b|viroid\b|viruslike|(?:bacterio|cyano|myco|viro)?phages?\b|\bprions\b|\b(?:cwd|fungal|yeast|mammalian) prion\b"
    r"|(?:alpha|beta|delta)satellites?\b|^satellite\b|\bsatellite (?:virus|rna|dna|nucleic)|(?:killer |[a-z]-)particles?\b"
    r"|(?:expression|cloning|binary|shuttle|viral) vectors?\b|\bictv\b|\b[a-z]{0,3}npv\b|\bplasmids?\b)"
)
_VIRAL_HINTS = ("vir", "phage", "prion", "satellite", "particle", "vector", "npv", "ictv", "plasmid")


def is_viral(text: str) -> bool:
    """Whether a text speaks of what is not cellular: viruses, phages, prions, satellites, vectors, plasmids."""
    low = text.lower()
    return any(hint in low for hint in _VIRAL_HINTS) and _VIRAL.search(text) is not None


NOT_NAMES = re.compile(
    r"(?i:\b\w*symbiont\b|(?<!^)(?<!candidatus )phytoplasma\b|metagenome\b"
    r"|\b(?:ss|ds|m|r|t)?rna(?=\d|_|\b)|^(?:bold[: ]?[a-z]{3}\d+|(?:z?otu|asv|sh|motu)[ _.-]?\d[\w.]*)$)"
)
"""Organisms known by what they live in, sequences, and codes."""

WHOLE_PLACEHOLDERS = re.compile(
    r"(?i:n\.?/?a\.?|nan|null|nil|none|unknown|unsorted|undet\.?|indet\.?|inc\.? ?sed\.?|incertae ?sedis|no ?(?:name|data|value|taxon|organism|id)"
    r"|missing|empty|blank|tbd|to be determined|other|various|mixed|misc\.?|species|sp\.?|spp\.?|\W*"
    r"|(?:un(?:identified|id'?d|determined|known|assigned|named|amed|classified|cultured|certain|identifiable|described|placed|recorded)"
    r"|not|none|no|indeterminate|indet\.?|undet\.?|incertae|incertaesedis|environmental|metagenome|synthetic construct)\b.*|\w*incertaesedis\b.*"
    r"|genn?\.? et n\.? ?sp\..*|(?:gen|sp|n)\. ?(?:nov|indet|sp)\b.*)",
    re.DOTALL,
)
"""Texts that name no organism, whole."""

_UNITS = ("", "uni", "bi", "tri", "quadri", "quinque", "sex", "septem", "octo", "novem")
_TEENS = (
    "decem",
    "undecim",
    "duodecim",
    "tredecim",
    "quatuordecim",
    "quindecim",
    "sedecim",
    "septendecim",
    "octodecim",
    "novemdecim",
)
_TENS = (
    "",
    "",
    "viginti",
    "triginta",
    "quadraginta",
    "quinquaginta",
    "sexaginta",
    "septuaginta",
    "octoginta",
    "nonaginta",
)
_AFTER_TENS = ("", "uno", "duo", "tre", "quatuor", "quinque", "sex", "septem", "octo", "novem")


def latin_numeral(n: int) -> str:
    """The Latin of 1 to 99 as an epithet spells it: 4 quadri, 12 duodecim, 24 vigintiquatuor (ICZN 32.5.2.6)."""
    if n < 10:
        return _UNITS[n]
    return _TEENS[n - 10] if n < 20 else _TENS[n // 10] + _AFTER_TENS[n % 10]


NUMERALS = {str(n): latin_numeral(n) for n in range(1, 100)}
"""Digits -> Latin."""

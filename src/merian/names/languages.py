"""Language codes: whatever a file calls a language, as ISO 639-1 where that has a code, else ISO 639-3.

The table holds the two-letter codes of ISO 639-1 with their three-letter codes (ISO 639-2/T and, where it differs, 639-2/B) and English names
(https://www.loc.gov/standards/iso639-2/).
"""

from __future__ import annotations

import functools

import polars as pl

__all__ = ["normal_languages"]

CODES = """
aa aar Afar;ab abk Abkhazian;ae ave Avestan;af afr Afrikaans;ak aka Akan;am amh Amharic;an arg Aragonese;ar ara Arabic;as asm Assamese
av ava Avaric;ay aym Aymara;az aze Azerbaijani;ba bak Bashkir;be bel Belarusian;bg bul Bulgarian;bi bis Bislama;bm bam Bambara;bn ben Bengali
bo bod/tib Tibetan;br bre Breton;bs bos Bosnian;ca cat Catalan;ce che Chechen;ch cha Chamorro;co cos Corsican;cr cre Cree;cs ces/cze Czech
cu chu Church Slavic;cv chv Chuvash;cy cym/wel Welsh;da dan Danish;de deu/ger German;dv div Divehi;dz dzo Dzongkha;ee ewe Ewe
el ell/gre Greek;en eng English;eo epo Esperanto;es spa Spanish;et est Estonian;eu eus/baq Basque;fa fas/per Persian;ff ful Fulah
fi fin Finnish;fj fij Fijian;fo fao Faroese;fr fra/fre French;fy fry Western Frisian;ga gle Irish;gd gla Gaelic;gl glg Galician
gn grn Guarani;gu guj Gujarati;gv glv Manx;ha hau Hausa;he heb Hebrew;hi hin Hindi;ho hmo Hiri Motu;hr hrv Croatian;ht hat Haitian
hu hun Hungarian;hy hye/arm Armenian;hz her Herero;ia ina Interlingua;id ind Indonesian;ie ile Interlingue;ig ibo Igbo;ii iii Sichuan Yi
ik ipk Inupiaq;io ido Ido;is isl/ice Icelandic;it ita Italian;iu iku Inuktitut;ja jpn Japanese;jv jav Javanese;ka kat/geo Georgian
kg kon Kongo;ki kik Kikuyu;kj kua Kuanyama;kk kaz Kazakh;kl kal Kalaallisut;km khm Khmer;kn kan Kannada;ko kor Korean;kr kau Kanuri
ks kas Kashmiri;ku kur Kurdish;kv kom Komi;kw cor Cornish;ky kir Kirghiz;la lat Latin;lb ltz Luxembourgish;lg lug Ganda;li lim Limburgish
ln lin Lingala;lo lao Lao;lt lit Lithuanian;lu lub Luba-Katanga;lv lav Latvian;mg mlg Malagasy;mh mah Marshallese;mi mri/mao Maori
mk mkd/mac Macedonian;ml mal Malayalam;mn mon Mongolian;mr mar Marathi;ms msa/may Malay;mt mlt Maltese;my mya/bur Burmese;na nau Nauru
nb nob Norwegian Bokmål;nd nde North Ndebele;ne nep Nepali;ng ndo Ndonga;nl nld/dut Dutch;nn nno Norwegian Nynorsk;no nor Norwegian
nr nbl South Ndebele;nv nav Navajo;ny nya Chichewa;oc oci Occitan;oj oji Ojibwa;om orm Oromo;or ori Oriya;os oss Ossetian;pa pan Punjabi
pi pli Pali;pl pol Polish;ps pus Pashto;pt por Portuguese;qu que Quechua;rm roh Romansh;rn run Rundi;ro ron/rum Romanian;ru rus Russian
rw kin Kinyarwanda;sa san Sanskrit;sc srd Sardinian;sd snd Sindhi;se sme Northern Sami;sg sag Sango;si sin Sinhala;sk slk/slo Slovak
sl slv Slovenian;sm smo Samoan;sn sna Shona;so som Somali;sq sqi/alb Albanian;sr srp Serbian;ss ssw Swati;st sot Southern Sotho
su sun Sundanese;sv swe Swedish;sw swa Swahili;ta tam Tamil;te tel Telugu;tg tgk Tajik;th tha Thai;ti tir Tigrinya;tk tuk Turkmen
tl tgl Tagalog;tn tsn Tswana;to ton Tonga;tr tur Turkish;ts tso Tsonga;tt tat Tatar;tw twi Twi;ty tah Tahitian;ug uig Uighur
uk ukr Ukrainian;ur urd Urdu;uz uzb Uzbek;ve ven Venda;vi vie Vietnamese;vo vol Volapük;wa wln Walloon;wo wol Wolof;xh xho Xhosa
yi yid Yiddish;yo yor Yoruba;za zha Zhuang;zh zho/chi Chinese;zu zul Zulu
"""
MORE = {
    "azerbaijan": "az",
    "bahasa indonesia": "id",
    "bokmål": "nb",
    "cmn": "zh",
    "ekk": "et",
    "farsi": "fa",
    "filipino": "tl",
    "flemish": "nl",
    "hawaiian": "haw",
    "iw": "he",
    "mandarin": "zh",
    "mandarin chinese": "zh",
    "pes": "fa",
    "scottish gaelic": "gd",
    "sami": "se",
    "slovene": "sl",
    "swh": "sw",
    "zsm": "ms",
}
"""Other words and individual languages that files use for a language with a two-letter code."""


@functools.cache
def _table() -> dict[str, str]:
    table = dict(MORE)
    for entry in CODES.replace("\n", ";").split(";"):
        if entry:
            two, three, name = entry.split(" ", 2)
            table.update(dict.fromkeys((two, name.casefold(), *three.split("/")), two))
    return table


def normal_languages(given: pl.Series) -> pl.Series:
    """The languages as ISO 639-1 codes, or ISO 639-3 where there is none; a region ("pt-BR") is dropped, an unknown word stays in lower case, "" is null."""
    unique = given.unique().drop_nulls()
    known = _table()
    codes = []
    for word in unique.to_list():
        plain = " ".join(word.casefold().split())
        head = plain.replace("_", "-").partition("-")[0]
        codes.append(known.get(plain) or known.get(head) or (head if len(head) == 3 else plain) or None)
    if unique.is_empty():
        return pl.Series(given.name, [None] * len(given), pl.String)
    return given.replace_strict(unique, pl.Series(codes, dtype=pl.String), default=None, return_dtype=pl.String)

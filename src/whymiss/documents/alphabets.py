"""Which of the sister encodings of Latin script makes words of some European language.

Statistics on letters alone take ISO 8859-2 for windows-1250 (half their letters agree). Spelling
does not: the wrong one puts letters of different alphabets, or symbols, into the same text.
"""

from __future__ import annotations

import unicodedata

_ALPHABETS = (
    "áčďéěíňóřšťúůýž",  # Czech
    "áäčďéíĺľňóôŕšťúýž",  # Slovak
    "ąćęłńóśźż",  # Polish
    "áéíóöőúüű",  # Hungarian
    "čćđšž",  # Croatian, Slovene, Serbian
    "ăâîșțşţ",  # Romanian
    "ëç",  # Albanian
    "äöüß",  # German
    "àâæçéèêëîïôœùûüÿ",  # French
    "áéíñóúüªº",  # Spanish
    "àáâãçéêíóôõúüªº",  # Portuguese
    "àèéìîòóù",  # Italian
    "áéëèïíóöü",  # Dutch
    "æøåéèêóòâôü",  # Danish, Norwegian
    "åäöé",  # Swedish, Finnish
    "áðéíóúýþæö",  # Icelandic
    "çğıiöşüâîû",  # Turkish
    "äõöüšž",  # Estonian
    "āčēģīķļņšūž",  # Latvian
    "ąčęėįšųūž",  # Lithuanian
)
# DOS code pages are left out: they have a letter for nearly every byte and always "spell".
_SISTERS = (
    "cp1252", "cp1250", "iso8859_2", "iso8859_15", "cp1254", "cp1257", "mac_roman", "mac_latin2",
)  # fmt: skip
_WORD_MARKS = frozenset("'’‘‐-·ʼ")


def likeliest_latin(data: bytes, guess: str) -> str:
    """`guess`, unless it is Latin script and a sister encoding spells better.

    Ties go to the guess, so that nothing changes without evidence.

    >>> likeliest_latin("nebo šťastný žák, příliš mnoho".encode("iso8859_2"), "cp1250")
    'iso8859_2'
    """
    if not _is_latin(data.decode(guess, "ignore")):
        return guess
    candidates = [guess, *(sister for sister in _SISTERS if sister != guess)]
    scores = {name: _spelling(data, name) for name in candidates}
    best = max(candidates, key=lambda name: scores[name])  # the first of equals
    return best if scores[best] > scores[guess] else guess


def _is_latin(text: str) -> bool:
    odd = [char for char in text if ord(char) > 127 and char.isalpha()]
    latin = sum("LATIN" in unicodedata.name(char, "") for char in odd)
    return latin * 2 >= len(odd)


def _spelling(data: bytes, encoding: str) -> float:
    """Share of odd letters that one alphabet explains, less what no spelling allows; at most 1."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return -10.0
    letters: list[str] = []
    faults = 0.0
    odd = 0
    for index, char in enumerate(text):
        if ord(char) < 128:
            continue
        odd += 1
        before, after = text[index - 1 : index], text[index + 1 : index + 2]
        if char.isalpha():
            letters.append(char.lower())
            faults += char.isupper() and before.islower()
        elif unicodedata.category(char) in ("Cc", "Co", "Cn"):
            faults += 2
        elif before.isalpha() and after.isalpha() and char not in _WORD_MARKS:
            faults += 1
        elif unicodedata.category(char) in ("Sm", "Sk", "So") and (before + after).strip():
            faults += 0.25
    if not odd:
        return 0.0
    known = max(sum(char in alphabet for char in letters) for alphabet in _ALPHABETS)
    return (known + (odd - len(letters)) * 0.5 - faults) / odd

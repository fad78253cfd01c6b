"""Bytes to text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whymiss.documents.encoding import codec_for, declared_encoding, decode

# Without NUL: UTF-16 that begins with one cannot be told from UTF-32.
TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=200
)


@given(TEXT, st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_marked_text_comes_back_as_it_was(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


@given(TEXT.filter(lambda text: "\x1b" not in text and text[0] != "\ufeff"))
@settings(max_examples=200)
def test_utf8_needs_no_mark(text: str) -> None:
    assert decode(text.encode()).text == text


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_bytes_make_it_raise_and_losses_are_confessed(data: bytes) -> None:
    decoded = decode(data)
    assert decoded.lossy <= bool(decoded.warning)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_text_without_a_mark_is_told_by_its_zero_bytes(encoding: str) -> None:
    text = "The quick brown fox, naïve and 东."
    assert decode(text.encode(encoding)).text == text


SENTENCES = {
    "iso8859_2": "Nepošteno podigli ljestvicu, pa se žalio čitav grad što mu đaci šute i ćute.",
    "cp1250": "Příliš žluťoučký kůň úpěl ďábelské ódy, a šťastný žák tančil u řeky až do rána.",
    "cp1252": "“Außerdem größer” – der Käufer trägt die Gebühren für die Rücksendung natürlich.",
    "cp1251": "Возврат денег занимает десять рабочих дней после получения заявления клиента.",
    "koi8_r": "Возврат денег занимает десять рабочих дней после получения заявления клиента.",
    "mac_roman": "The customer’s refund isn’t due: it’s “under review” – we’ll ring André’s café.",
    "shift_jis": "返金には十営業日かかります。お客様の申請を受け取った後に処理を開始します。",
    "gb18030": "退款需要十个工作日。我们在收到客户的申请之后开始处理，请耐心等待通知。",
}


@pytest.mark.parametrize("encoding", SENTENCES)
def test_undeclared_text_is_recognised_by_its_spelling_and_the_guess_is_told(encoding: str) -> None:
    text = (SENTENCES[encoding] + "\n") * 4
    decoded = decode(text.encode(encoding))
    assert decoded.text == text
    assert "guessed" in decoded.warning


def test_a_declaration_means_what_the_web_means_by_it() -> None:
    page = '<meta charset="iso-8859-1"><p>“10 €”</p>'.encode("cp1252")
    assert decode(page).text.endswith("<p>“10 €”</p>")
    assert declared_encoding(b'<?xml version="1.0" encoding="KOI8-R"?>') == "koi8-r"
    assert declared_encoding(b"# -*- coding: latin-1 -*-") == "cp1252"
    assert codec_for("utf-16") == ""  # bytes in which the label could be read are not UTF-16


def test_valid_utf8_beats_a_wrong_declaration() -> None:
    assert decode('<meta charset="iso-8859-1">Grüße'.encode()).text.endswith("Grüße")


def test_a_false_declaration_is_not_followed() -> None:
    page = b'<?xml version="1.0" encoding="ascii-nonsense"?>caf\xe9 cr\xe8me br\xfbl\xe9e na\xefve'
    assert "café crème" in decode(page).text


def test_mixed_encodings_are_read_with_replacement_and_flagged() -> None:
    data = ("Grüße aus Köln, schöne Straße. " * 20).encode() + b"\xff\xfe\x81 broken"
    decoded = decode(data)
    assert decoded.lossy
    assert "Grüße aus Köln" in decoded.text
    assert "were replaced" in decoded.warning


def test_escape_sequences_of_japanese_mail_are_understood() -> None:
    assert decode("返金".encode("iso2022_jp")).text == "返金"

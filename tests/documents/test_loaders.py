"""What each loader makes of a small file, written out by hand."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from docx import Document as WordDocument
from hypothesis import given
from hypothesis import strategies as st
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

from whymiss.documents.loaders import load
from whymiss.documents.parsed import Parsed
from whymiss.documents.sniff import identify
from whymiss.errors import DocumentError, RefusedFileError


def parsed(name: str, data: str | bytes) -> Parsed:
    raw = data.encode() if isinstance(data, str) else data
    return load(identify(raw, name)[0], raw, name)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0\ufeff\x1b")))
def test_markdown_is_kept_character_by_character(text: str) -> None:
    body = "# Title\n" + text
    assert load("markdown", body.encode(), "a.md").text == body
    assert load("markdown", f"---\nplan: solo\n---\n{body}".encode(), "a.md").text == body


def test_markdown_loses_only_its_mark_and_its_carriage_returns() -> None:
    assert parsed("a.md", b"\xef\xbb\xbf# A\r\n\r\nx  \r\n\ty\r\n").text == "# A\n\nx  \n\ty\n"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("```\n# no\n```\n## Yes ##", "Yes"),
        ("Plans\n=====\n", "Plans"),
        ("text only", ""),
        ("#hashtag\n\n# Real", "Real"),
    ],
)
def test_the_first_heading_outside_code_is_the_title(text: str, title: str) -> None:
    assert parsed("a.md", text).title == title


@pytest.mark.parametrize(
    ("name", "text", "syntax", "title"),
    [
        ("a.rst", "=====\nPlans\n=====\n\nText", "rst", "Plans"),
        ("a.adoc", "= Plans\n\nText", "asciidoc", "Plans"),
        ("a.txt", "Plans", "plain", ""),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\nHi", "plain", ""),
        ("a.unknown", "Plans", "plain", ""),
        ("a.py", "---\nx = 1\n", "code", "a.py"),
        ("a.yaml", "plan: solo\n", "plain", ""),
    ],
)
def test_texts_are_kept_as_they_stand(name: str, text: str, syntax: str, title: str) -> None:
    found = parsed(name, text)
    assert (found.text, found.syntax, found.title) == (text, syntax, title)


def test_html_keeps_headings_lists_code_and_definitions() -> None:
    page = """<!doctype html><title>Site</title><nav>Menu</nav><main>
    <h1>Plans <small>2026</small></h1>
    <p>See <a href="/x">the list</a>,<br>or ask<sup>1</sup>. <img alt="A van"></p>
    <ol start=3><li>Open <code>Ledger</code><ul><li>Draft<li>Sent</ul><li><p>Pick</p><p>one</p></ol>
    <pre><code class="language-sh">echo "`x`"
</code></pre>
    <dl><dt>Fee?<dd>None.</dl><blockquote><p>Said<p>twice</blockquote>
    <p hidden>no</p><script>no()</script><template>no</template><div style="display: none">no</div>
    </main><footer>Imprint</footer>"""
    found = parsed("a.html", page)
    assert found.title == "Plans 2026"
    assert found.warnings == ("left out around the main part: nav, footer",)
    assert found.text == (
        "# Plans 2026\n\n"
        "See the list,\nor ask¹. A van\n\n"
        "3. Open `Ledger`\n   - Draft\n   - Sent\n4. Pick\n\n   one\n\n"
        '```sh\necho "`x`"\n```\n\n'
        "**Fee?**\nNone.\n\n"
        "> Said\n>\n> twice\n"
    )


def test_html_without_a_main_part_keeps_header_and_footer() -> None:
    assert parsed("a.html", "<header>Top</header><p>x</p><footer>End</footer>").text == (
        "Top\n\nx\n\nEnd\n"
    )


def test_html_tables_spread_spanning_cells_and_merge_header_rows() -> None:
    page = """<table><caption>Prices</caption>
    <thead><tr><th rowspan=2>Plan<th colspan=2>Price<tr><th>month<th>year</thead>
    <tr><td rowspan=2>Solo<td>12<td>120 | net<tr><td colspan=2>on <b>request</b>
    <tr><td colspan=3>All without VAT
    <tr><td>Crew<td><ul><li>a<li>b</ul><td><table><tr><td>1<td>2</table></table>"""
    assert parsed("a.html", page).text == (
        "Prices\n\n"
        "| Plan | Price month | Price year |\n"
        "| --- | --- | --- |\n"
        "| Solo | 12 | 120 \\| net |\n"
        "| Solo | on request | on request |\n"
        "| All without VAT |  |  |\n"
        "| Crew | a; b | 1; 2 |\n"
    )


def test_an_html_table_that_is_only_a_frame_is_not_a_table() -> None:
    assert parsed("a.html", "<table><tr><td><h1>A</h1><p>b</table>").text == "# A\n\nb\n"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_csv_rows_read_by_themselves_whatever_parts_their_cells(separator: str) -> None:
    rows = [["sku", "name", "note"], ["A1", "Solo", ""], ["A2", "Crew", "new"]]
    text = "\n".join(separator.join(row) for row in rows)
    assert parsed("price_list.csv", text).text == (
        "Price list\n\nsku: A1; name: Solo\nsku: A2; name: Crew; note: new\n"
    )


def test_csv_quotes_ragged_rows_and_encodings() -> None:
    found = parsed("a.csv", 'näme,note\r\nx,"one,\r\ntwo"\r\ny,z,extra\r\n'.encode("utf-16"))
    assert found.text == "A\n\nnäme: x; note: one, two\nnäme: y; note: z; column 3: extra\n"
    assert found.warnings == ("1 of 2 rows are not as long as the header",)


def test_a_csv_with_nothing_in_it_fails() -> None:
    with pytest.raises(DocumentError, match="the table has no rows"):
        parsed("a.csv", "\n\n")


def test_notebooks_show_code_and_text_outputs_and_cut_long_ones() -> None:
    def code(source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
        return {"cell_type": "code", "source": source, "outputs": list(outputs)}

    cells = [
        {"cell_type": "markdown", "source": ["# Close\n", "text"]},
        code("print(1)", {"output_type": "stream", "text": ["1\n"]}),
        code("boom", {"output_type": "error", "ename": "ValueError", "evalue": "no"}),
        code("plot", {"output_type": "display_data", "data": {"image/png": "xx"}}),
        code("long", {"output_type": "stream", "text": "x" * 5000}),
    ]
    found = parsed("a.ipynb", json.dumps({"cells": cells, "metadata": {}}))
    assert found.title == "Close"
    assert found.text.startswith(
        "# Close\ntext\n\n```python\nprint(1)\n```\n\n```text\n1\n```\n\n"
        "```python\nboom\n```\n\n```text\nValueError: no\n```\n\n```python\nplot\n```\n\n"
    )
    assert found.warnings == (
        "cell 4: an output without text was left out",
        "cell 5: output cut after 4000 characters",
    )
    with pytest.raises(DocumentError, match="no list of cells"):
        parsed("a.ipynb", "{}")


def test_json_objects_become_blocks_of_lines() -> None:
    issues = [
        {"id": "K1", "fixed": None, "in": ["2026.1", "2026.2"], "by": {"team": "A", "ok": True}},
        {"id": "K2", "steps": [{"n": 1}, {"n": 2}]},
    ]
    assert parsed("known_issues.json", json.dumps(issues)).text == (
        "Known issues\n\nid: K1\nin: 2026.1, 2026.2\nby.team: A\nby.ok: true\n\n"
        "id: K2\nsteps[1].n: 1\nsteps[2].n: 2\n"
    )


def test_json_lines_survive_a_broken_line_as_partial() -> None:
    found = parsed("a.jsonl", '{"id": 1}\n{broken\n{"id": 3}\n')
    assert found.text == "A\n\nid: 1\n\nid: 3\n"
    assert found.problems == ("1 lines are not JSON: 2",)
    with pytest.raises(DocumentError, match="not JSON"):
        parsed("a.json", "{broken")


API = """
openapi: 3.1.0
info: {title: Relay, version: "2"}
paths:
  /jobs/{id}:
    parameters: [{$ref: "#/components/parameters/Id"}]
    put:
      summary: Change a job
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/Job"}}}
      responses:
        "200": {description: Done., content: {application/json: {schema: {$ref: "#/nowhere"}}}}
components:
  parameters:
    Id: {name: id, in: path, required: true, schema: {type: string}, description: The job.}
  schemas:
    Job:
      type: object
      required: [title]
      properties:
        title: {type: string, maxLength: 120, description: Shown | printed.}
        parent: {$ref: "#/components/schemas/Job"}
        state: {type: string, enum: [open, done]}
"""
JOB = (
    "- `title` (string, at most 120 characters, required): Shown | printed.\n"
    "- `parent` (Job)\n- `state` (string, one of open, done)\n"
)


def test_an_api_description_becomes_a_section_per_operation() -> None:
    found = parsed("a.yaml", API)
    assert (found.syntax, found.title) == ("openapi", "Relay")
    assert found.metadata == {"api_version": "2", "operations": 1}
    assert found.warnings == ("not found: #/nowhere",)
    assert found.text == (
        "# Relay\n\nVersion 2\n\n## PUT /jobs/{id}\n\nChange a job\n\n### Parameters\n\n"
        "| name | in | type | required | description |\n| --- | --- | --- | --- | --- |\n"
        "| id | path | string | yes | The job. |\n\n"
        f"### Request body\n\nRequired.\n\napplication/json: Job\n\n{JOB}\n"
        "### Response 200\n\nDone.\n\napplication/json: nowhere\n\n"
        f"## Schemas\n\n### Job\n\n{JOB}"
    )


def test_swagger_in_json_is_understood_as_well() -> None:
    spec = {
        "swagger": "2.0",
        "info": {"title": "Old"},
        "paths": {"/a": {"get": {"parameters": [{"name": "q", "in": "query", "type": "integer"}]}}},
        "definitions": {"Thing": {"properties": {"id": {"type": "integer"}}}},
    }
    found = parsed("a.json", json.dumps(spec))
    assert found.syntax == "openapi"
    assert "## GET /a\n" in found.text
    assert "| q | query | integer | no |" in found.text
    assert found.text.endswith("## Schemas\n\n### Thing\n\n- `id` (integer)\n")


def test_xml_gives_a_line_per_element_and_escaped_markup_as_text() -> None:
    feed = "<rss><title>News</title><item><d>&lt;p&gt;Ten &lt;b&gt;days&lt;/b&gt;</d></item></rss>"
    found = parsed("a.xml", feed)
    assert (found.text, found.title) == ("News\nTen days\n", "News")


def test_broken_xml_is_partial() -> None:
    found = parsed("a.xml", "<r><a>one</a><b>two</r>")
    assert found.text == "one\ntwo\n"
    assert "not well-formed XML" in found.problems[0]


def test_mail_shows_its_headers_and_names_what_is_attached() -> None:
    mail = (
        "Subject: =?utf-8?q?R=C3=BCckgabe?=\nFrom: A <a@x.example>\nDate: Mon, 2 Nov 2026\n"
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
        "--b\nContent-Type: text/plain; charset=iso-8859-1\n"
        "Content-Transfer-Encoding: quoted-printable\n\nZehn Tage f=FCr alles.\n"
        "--b\nContent-Type: image/png\nContent-Disposition: attachment; filename=van.png\n\nxx\n"
        "--b--\n"
    )
    found = parsed("a.eml", mail)
    assert found.title == "Rückgabe"
    assert found.text.startswith("Subject: Rückgabe\nFrom: A <a@x.example>\n")
    assert found.text.endswith("\n\nZehn Tage für alles.\n")
    assert found.problems == ("attachments are not read: van.png",)
    with pytest.raises(DocumentError, match="not an e-mail"):
        parsed("a.eml", "just words")


def word(document: Any) -> bytes:
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def test_word_headings_lists_and_merged_tables() -> None:
    document = WordDocument()
    document.add_heading("Importing", 0)
    document.add_heading("Order", 1)
    document.add_paragraph("Customers", style="List Number")
    document.add_paragraph("Sites", style="List Number")
    document.add_paragraph("Anything", style="List Bullet")
    table = document.add_table(3, 3)
    for row, texts in enumerate([("Plan", "Term", "Price"), ("Solo", "month", "12"), ("", "", "")]):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    table.cell(2, 1).merge(table.cell(2, 2))
    table.cell(2, 1).text = "on request"
    found = parsed("a.docx", word(document))
    assert found.title == "Importing"
    assert found.text == (
        "# Importing\n\n# Order\n\n1. Customers\n2. Sites\n- Anything\n\n"
        "| Plan | Term | Price |\n| --- | --- | --- |\n| Solo | month | 12 |\n"
        "| Solo | on request | on request |\n"
    )


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def raw_word(body: str, **parts: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(
            "word/document.xml", f"<w:document {W}><w:body>{body}</w:body></w:document>"
        )
        for name, xml in parts.items():
            archive.writestr(f"word/{name}.xml", xml)
    return stream.getvalue()


def run(text: str) -> str:
    return f"<w:r><w:t>{text}</w:t></w:r>"


def test_word_leaves_deleted_text_out_and_keeps_links_notes_and_boxes() -> None:
    body = (
        f"<w:p>{run('Ten ')}<w:del><w:r><w:delText>old</w:delText></w:r></w:del>"
        f"<w:ins>{run('working ')}</w:ins><w:hyperlink>{run('days')}</w:hyperlink>"
        '<w:r><w:footnoteReference w:id="2"/></w:r></w:p>'
        f"<w:p><w:r><w:pict><w:txbxContent><w:p>{run('In a box')}</w:p></w:txbxContent></w:pict>"
        "</w:r></w:p>"
    )
    notes = (
        f'<w:footnotes {W}><w:footnote w:id="0" w:type="separator"><w:p>{run("no")}</w:p>'
        f'</w:footnote><w:footnote w:id="2"><w:p>{run("Not Sundays")}</w:p></w:footnote>'
        "</w:footnotes>"
    )
    assert parsed("a.docx", raw_word(body, footnotes=notes)).text == (
        "Ten working days[^f2]\n\nIn a box\n\n[^f2]: Not Sundays\n"
    )


def test_word_headings_of_other_languages_are_known_by_their_outline() -> None:
    styles = (
        f'<w:styles {W}><w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>'
        '<w:style w:styleId="Eigen"><w:basedOn w:val="berschrift2"/></w:style></w:styles>'
    )
    body = "".join(
        f"<w:p><w:pPr>{properties}</w:pPr>{run(text)}</w:p>"
        for properties, text in [
            ('<w:pStyle w:val="Eigen"/>', "Geerbt"),
            ('<w:outlineLvl w:val="2"/>', "Direkt"),
            ('<w:pStyle w:val="Heading1"/>', "Unbeschrieben"),
        ]
    )
    assert parsed("a.docx", raw_word(body, styles=styles)).text == (
        "## Geerbt\n\n### Direkt\n\n# Unbeschrieben\n"
    )


def test_a_word_file_that_is_damaged_fails() -> None:
    with pytest.raises(DocumentError, match=r"damaged: word/document\.xml"):
        parsed("a.docx", raw_word("<w:p>"))


def test_pdf_headings_paragraphs_and_wrapped_table_rows() -> None:
    stream = io.BytesIO()
    styles = getSampleStyleSheet()
    cell = styles["BodyText"]
    rows = [
        [Paragraph(text, cell) for text in row]
        for row in [
            ("Button", "Press it when", "What the clock does"),
            ("On site", "you stand at the door of the customer", "labour starts"),
            ("No access", "nobody opened", "labour stops and the visit is counted"),
        ]
    ]
    text = "Every paragraph that is longer than one line is put together from its lines again. " * 2
    SimpleDocTemplate(stream, title="Handbook").build(
        [
            Paragraph("The buttons", styles["Heading1"]),
            Paragraph(text, cell),
            Table(rows, colWidths=[80, 130, 130]),
        ]
    )
    found = parsed("a.pdf", stream.getvalue())
    assert found.title == "Handbook"
    assert found.metadata == {"pages": 1}
    assert found.text == (
        f"# The buttons\n\n{text.strip()}\n\n"
        "| Button | Press it when | What the clock does |\n| --- | --- | --- |\n"
        "| On site | you stand at the door of the customer | labour starts |\n"
        "| No access | nobody opened | labour stops and the visit is counted |\n"
    )


def test_pdf_words_cut_at_the_line_end_and_ligatures_are_mended() -> None:
    from whymiss.documents.loaders.pdf_layout import _joined
    from whymiss.documents.loaders.pdf_page import LIGATURES

    assert _joined(["the oﬃce re-".translate(LIGATURES), "funds it"]) == "the office refunds it"
    assert _joined(["plan A-", "B"]) == "plan A- B"


def test_pdf_running_headers_are_left_out_and_named() -> None:
    from reportlab.pdfgen.canvas import Canvas

    stream = io.BytesIO()
    canvas = Canvas(stream)
    for number, words in enumerate(["apples", "pears", "plums", "cherries"], start=1):
        canvas.drawString(72, 800, "Fruit handbook")
        canvas.drawString(72, 500, f"All about {words}.")
        canvas.drawString(72, 30, f"page {number}")
        canvas.showPage()
    canvas.save()
    found = parsed("a.pdf", stream.getvalue())
    assert found.text == (
        "All about apples.\n\nAll about pears.\n\nAll about plums.\n\nAll about cherries.\n"
    )
    assert found.warnings == ("left out running headers and footers: Fruit handbook; page #",)


def test_html_that_is_named_txt_is_read_as_html() -> None:
    assert identify(b"<!DOCTYPE html><p>x", "a.txt") == (
        "html",
        "named .txt, but the content is html",
    )
    with pytest.raises(RefusedFileError, match="format not read: Parquet table"):
        identify(b"PAR1\x15\x04", "a.md")

"""The harness sees what it is there to see: each detector goes red on a planted fault."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from chromium import find_chromium
from lab_notebook import LabNotebook
from playwright.sync_api import expect
from servers import LabServer

HTML = "from IPython.display import HTML, display; display(HTML({!r}))"

CELLS = [
    "words = 40 + 2\nwords",
    HTML.format("<img src=x onerror=alert(1)>"),
    HTML.format("<img src=https://example.invalid/tracker.png>"),
    HTML.format("<div class=planted><button></button><button>named</button></div>"),
    HTML.format(
        "<script>console.error('planted'); new WebSocket('wss://example.invalid/')</script>"
    ),
]


@pytest.fixture(scope="module")
def opened(module_notebook: Callable[..., LabNotebook]) -> LabNotebook:
    return module_notebook(CELLS)


def test_a_notebook_opens_without_errors_and_without_asking_anybody_else(
    opened: LabNotebook,
) -> None:
    assert opened.requests == []
    assert opened.dialogs == []
    assert opened.console_errors == []


def test_one_cell_runs_and_its_output_is_seen(opened: LabNotebook) -> None:
    opened.run_cell(0)
    expect(opened.output(0)).to_have_text("42")
    expect(opened.output(1)).to_have_count(0)


def test_code_runs_in_the_same_kernel_without_a_cell(opened: LabNotebook) -> None:
    assert opened.execute("words") == "42"
    assert opened.execute("print('said'); words = 1; words + 1") == "said\n2"
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        opened.execute("1 / 0")


def test_a_script_in_an_output_is_seen_by_its_dialog(opened: LabNotebook) -> None:
    with opened.page.expect_event("dialog"):
        opened.run_cell(1)
    assert opened.dialogs == ["alert: 1"]


def test_a_request_elsewhere_is_recorded_and_aborted(opened: LabNotebook) -> None:
    with opened.page.expect_event("requestfailed", lambda r: "tracker" in r.url) as failed:
        opened.run_cell(2)
    assert opened.requests == ["https://example.invalid/tracker.png"]
    assert failed.value.failure == "net::ERR_FAILED"


def test_axe_finds_the_button_without_a_name_and_only_that(opened: LabNotebook) -> None:
    opened.run_cell(3)
    [found] = opened.axe(".planted")
    assert found.startswith("button-name (critical)")
    assert opened.axe(".planted button:nth-child(2)") == []
    with pytest.raises(Exception, match="No elements found"):
        opened.axe(".absent")


def test_errors_of_the_console_and_sockets_elsewhere_are_recorded(opened: LabNotebook) -> None:
    opened.run_cell(4)
    opened.wait_idle()
    assert "planted" in opened.console_errors
    assert "wss://example.invalid/" in opened.requests


def test_themes_change(opened: LabNotebook) -> None:
    background = "() => getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor"
    opened.set_theme("dark")
    dark = opened.page.evaluate(background)
    opened.set_theme("light")
    assert opened.page.evaluate(background) != dark


def test_a_reload_keeps_the_kernel_and_shows_the_notebook_as_saved(opened: LabNotebook) -> None:
    opened.execute("kept = 7")
    saved = opened.save()
    assert saved["cells"][0]["outputs"][0]["data"]["text/plain"] == ["42"]
    opened.reload()
    assert opened.execute("kept") == "7"
    expect(opened.output(0)).to_have_text("42")


def test_a_restart_gives_an_empty_kernel_under_the_same_page(opened: LabNotebook) -> None:
    opened.execute("kept = 7")
    opened.restart_kernel()
    assert opened.execute("'kept' in globals()") == "False"
    opened.run_cell(0)
    expect(opened.output(0)).to_have_text("42")


def test_all_cells_run_in_the_dark_and_the_kernel_ends_with_the_page(
    notebook: Callable[..., LabNotebook], lab_server: LabServer
) -> None:
    made = notebook(["a = 1", "a + 1"], theme="dark")
    assert made.page.evaluate("document.body.dataset.jpThemeLight") == "false"
    made.run_all()
    expect(made.output(1)).to_have_text("2")
    before = lab_server.n_kernels()
    made.close()
    assert lab_server.n_kernels() == before - 1


@pytest.mark.parametrize("variable", ["CI", "WHYMISS_CI"])
def test_without_chromium_a_test_is_skipped_and_on_ci_it_fails(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CI", "WHYMISS_CI", "WHYMISS_CHROMIUM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.skip.Exception, match=r"need Chromium; none of chromium.*Install it"):
        find_chromium()
    monkeypatch.setenv(variable, "1")
    with pytest.raises(pytest.fail.Exception, match="need Chromium"):
        find_chromium()
    monkeypatch.setenv("WHYMISS_CHROMIUM", "/opt/chromium")
    assert find_chromium() == "/opt/chromium"


def test_browser_tests_run_behind_all_others(request: pytest.FixtureRequest) -> None:
    rooms = [item.path.parent.name == "browser" for item in request.session.items]
    assert rooms == sorted(rooms)

"""The demo's view: on any terminal, in both languages, with and without colour."""

import io
from dataclasses import fields

import pytest
from rich.console import Console

from services.cli.demo.board import FUNNEL, Board, Phase
from services.cli.demo.figures import Kpis
from services.cli.demo.judge import Loss, Verdict, What
from services.cli.demo.report import show_verdict
from services.cli.demo.screen import Names, Places, Screen
from services.cli.demo.show import plain_line
from services.cli.demo.sight import Handoff, SalesPerson
from services.cli.demo.texts import TEXTS, language_of
from services.cli.stage.language import Language
from services.cli.stage.score import Alerts
from services.cli.stage.verdict import Comparison, Difference

PLACES = Places(
    (
        ("HubSpot", "http://127.0.0.1:1"),
        ("API", "http://127.0.0.1:2/docs"),
        ("Salesforce", "http://127.0.0.1:3"),
        ("Dashboard", "http://127.0.0.1:8081/"),
        ("Alerts", "http://127.0.0.1:8082/"),
    ),
    "tasuki lead {email}",
)
NAMES = Names("Score", "Reasons", {"005": "佐藤 花子"}, threshold=60, time_zone="Asia/Tokyo")


def busy_board() -> Board:
    """Return a board with forty handoffs."""
    board = Board(started_at=0, now=83_000, ends_at=120_000, kills=2)
    for number in range(40):
        seen = {
            "LastName": "山田",
            "FirstName": "葵",
            "Company": "株式会社そらまめシステムズ",
            "Score": "71",
            "Reasons": "セミナー参加 +20、フォーム送信 +15 [bold]",
        }
        person = SalesPerson("Lead", "00Q", seen)
        board.stands(Handoff("00T", str(number), 1, 5_000, person, seen, f"{number}@a.example", "005"))
        board.accepted(str(number), 1, 4_960)
    board.reached["mql"] = {str(number) for number in range(40)}
    board.gauges.send_ms = (12.0, 30.0)
    board.gauges.overdue, board.alerts_arrived = 3, {"a": 1, "b": 1}
    return board


def drawn(board: Board, width: int, height: int, language: Language = "ja", *, colour: bool = False) -> str:
    """Return the view as the terminal gets it."""
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, force_terminal=colour, no_color=not colour)
    console.print(Screen(board, TEXTS[language], PLACES, NAMES))
    return out.getvalue()


@pytest.mark.parametrize(("width", "height"), [(160, 50), (120, 40), (80, 24), (60, 24), (40, 30)])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_view_fits_the_terminal(width: int, height: int, language: Language) -> None:
    """It is never higher, and always has some handoffs and the way out."""
    shown = drawn(busy_board(), width, height, language)

    assert len(shown.splitlines()) <= height
    assert "山田 葵" in shown
    assert "Ctrl-C" in shown
    assert "http://127.0.0.1:1" in shown
    unwrapped = " ".join(shown.split())
    assert TEXTS[language].overdue.format(count=3) in unwrapped
    assert TEXTS[language].alerts.format(count=2) in unwrapped


@pytest.mark.parametrize(("width", "height"), [(160, 50), (80, 24)])
def test_a_small_terminal_gives_its_lines_to_the_handoffs(width: int, height: int) -> None:
    """What only explains goes first, so that at least five of them are seen."""
    assert drawn(busy_board(), width, height, "en").count("山田 葵") >= 5


def test_the_vendors_text_is_shown_as_it_is() -> None:
    """Brackets in data are no markup."""
    assert "+15 [bold]" in drawn(busy_board(), 200, 40)


def test_an_empty_board_says_what_will_come() -> None:
    """Before the first handoff there is a sentence in its place."""
    shown = drawn(Board(started_at=0), 120, 40, "en")

    assert "reaches 60" in shown


def test_a_service_that_does_not_answer_is_said() -> None:
    """A kill is seen on the title line."""
    board = busy_board()
    board.gauges.alive = False

    assert "doesn't answer" in drawn(board, 120, 40, "en").splitlines()[0]


def test_no_colour_means_no_escape_sequences() -> None:
    """With colour there are some; without there are none."""
    assert "\x1b[" in drawn(busy_board(), 120, 40, colour=True)
    assert "\x1b" not in drawn(busy_board(), 120, 40)


def test_both_languages_say_everything() -> None:
    """No text is empty, and each milestone and row has its words."""
    for texts in TEXTS.values():
        assert all(getattr(texts, each.name) for each in fields(texts))
        assert set(texts.milestones) == set(FUNNEL)
        assert set(texts.phases) == set(Phase)
    assert TEXTS["ja"].rows.keys() == TEXTS["en"].rows.keys()


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
    ],
)
def test_the_language_is_that_of_the_locale(environ: dict[str, str], language: Language) -> None:
    """LC_ALL before LANG; English where neither says Japanese."""
    assert language_of(environ) == language


def test_without_a_terminal_the_board_is_a_line() -> None:
    """Time, funnel, handoffs and what is wrong, in one line."""
    line = plain_line(busy_board(), TEXTS["en"])

    assert "83 s" in line
    assert "MQL 40" in line
    assert "handoffs 40 (p50 40 ms, p99 40 ms)" in line
    assert "\n" not in line


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_verdict_lists_each_fault(language: Language) -> None:
    """Losses and differences in lines of their own, and the last word says that it isn't well."""
    comparison = Comparison(pairs=3, differences=[Difference("a@b.example", "phone", "1", "2", "differs")])
    loss = Loss("c@d.example", What.HANDOFF, "qualified, but sales doesn't see an MQL")
    out = io.StringIO()

    verdict = Verdict(comparison, leads=4, known=4, qualified=2, opted_out=1, losses=[loss])
    show_verdict(verdict, busy_board(), TEXTS[language], Console(file=out, width=100, no_color=True))

    shown = out.getvalue()
    assert "a@b.example: phone: differs" in shown
    assert "c@d.example: qualified" in shown
    assert "1 / 2" in shown
    assert TEXTS[language].not_equal in shown.splitlines()[-1]
    assert not verdict.good


def test_a_dead_letter_alone_spoils_the_verdict() -> None:
    """Equal systems are not enough if something was put aside."""
    assert Verdict(Comparison(), 1, 1, 0, 0).good
    assert not Verdict(Comparison(), 1, 1, 0, 0, dead_letters=1).good


def test_figures_that_differ_and_alerts_that_are_missing_spoil_the_verdict() -> None:
    """Equal systems are not enough; the last line says what isn't right."""
    kpis = Kpis(
        figures=7, differences=("KPI mqls 30d",), alerts=Alerts(told=2, arrived=1, faults=("alert x",))
    )
    verdict = Verdict(Comparison(), 1, 1, 0, 0, kpis=kpis)
    out = io.StringIO()

    show_verdict(verdict, busy_board(), TEXTS["en"], Console(file=out, width=100, no_color=True))

    shown = out.getvalue()
    assert not verdict.good
    assert "7 figures, 1 differences" in shown
    assert "2 / 1 / 0" in shown
    assert "- KPI mqls 30d" in shown
    assert "- alert x" in shown
    assert shown.splitlines()[-1] == f"✗ {TEXTS['en'].wrong_figures}"

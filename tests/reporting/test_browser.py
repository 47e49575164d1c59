"""The page in a headless Chromium: sliders, keyboard, the simulated day, and a silent console."""

import itertools
import math
import re
from dataclasses import replace

import pytest

from reds_torch.reporting.day import INCOMES, LOADS
from reds_torch.reporting.html import write_page
from reds_torch.reporting.numbers import quantity
from reds_torch.reporting.run_record import read_run

from .browser import chromium, missing_browser

HOME, END, LEFT, RIGHT, UP = "\ue011", "\ue010", "\ue012", "\ue014", "\ue013"


@pytest.fixture(scope="module")
def records(whole_run):
    return [read_run(whole_run)]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if reason := missing_browser():
        pytest.skip(reason)
    with chromium(tmp_path_factory.mktemp("profile")) as window:
        yield window


@pytest.fixture
def page(browser, whole_run):
    """The run's page, open; at the end nothing may stand in the console."""
    browser.emulate(1280, 900)
    browser.open(whole_run / "report.html")
    yield browser
    assert browser.console() == []


def set_range(page, selector, value):
    script = (
        "const e = document.querySelector(arguments[0]); e.value = arguments[1]; e.dispatchEvent(new Event('input'))"
    )
    page.run(script, selector, value)


def choose(page, name, value):
    page.run(f"document.querySelector('input[name={name}][value=\"{value}\"]').click()")


def numbers(text):
    return [float(n) for n in re.findall(r"\d+(?:\.\d+)?", text)]


def table(page, selector):
    rows = "document.querySelectorAll(arguments[0] + ' tbody tr')"
    return page.run(f"return [...{rows}].map(r => [...r.cells].map(c => c.textContent))", selector)


def test_the_budget_chooses_the_largest_subnetwork_that_fits(page, records):
    (record,) = records
    for cost in record.costs:
        choose(page, "cost", cost.key)
        full = record.subnetworks[0].costs[cost.key]
        for permille in (1000, 999, 850, 640, 500, 320, 290, 150, 0):
            set_range(page, "#budget-range", permille)
            fitting = [k for k, s in enumerate(record.subnetworks) if s.costs[cost.key] <= full * permille / 1000]
            if not fitting:
                least = quantity(min(s.costs[cost.key] for s in record.subnetworks), cost.unit)
                assert page.text("#chosen") == f"Nothing fits: the smallest needs {least}"
                assert page.text("#chosen-accuracy") == "–"
                continue
            chosen = record.subnetworks[fitting[0]]
            assert numbers(page.text("#chosen"))[0] == fitting[0]
            assert numbers(page.text("#chosen-accuracy")) == [round(100 * chosen.accuracy["test"], 1)]
            costs = page.run("return [...document.querySelectorAll('#chosen-costs dd')].map(e => e.textContent)")
            assert costs[::2] == [quantity(chosen.costs[c.key], c.unit) for c in record.costs]
            kept = page.run("return [...document.querySelectorAll('#network .kept')].map(e => e.textContent)")
            assert [numbers(text)[0] for text in kept] == list(chosen.widths.values())


def test_the_slider_moves_by_keyboard_and_says_so(page):
    seen = []
    for key in (HOME, END, LEFT, RIGHT):
        page.keys("#budget-range", key)
        seen.append(page.run("return document.querySelector('#budget-range').getAttribute('aria-valuetext')"))
    nothing, full, less, again = seen
    assert "nothing fits" in nothing
    assert "subnetwork 0" in full and full == again
    assert "subnetwork 1" in less


def test_tab_reaches_every_control_in_order(page):
    reached = []
    for _ in range(60):
        page.tab()
        name = page.focused()
        if name and name not in reached:
            reached.append(name)
    assert reached == ["cost", "budget-range", "mode", "preset", "answers", "deadline"]
    assert page.run("return document.querySelectorAll('#trace input').length") == 24


def simulated(record, trace, mode, fixed, answers, deadline, battery, reserve):
    """The rules of docs/report.md once more, hour by hour: what a row of the table says."""
    time = [s.costs["latency"] for s in record.subnetworks]
    energy = [answers * s.costs["energy"] for s in record.subnetworks]
    candidates = range(len(time)) if fixed is None else [fixed]
    capacity = battery * energy[0]
    charge, hours = capacity / 2, []
    for percentage in trace * (7 if mode == "battery" else 1):
        if mode == "load":
            in_time = [k for k in candidates if time[k] <= deadline * (1 - percentage / 100)]
            hours.append((in_time[0], 1.0) if in_time else None)
        else:
            spend = sum(trace) / 2400 * energy[0] + (charge - capacity / 2) / reserve
            k = [*(k for k in candidates if energy[k] <= spend), candidates[-1]][0]
            charge += percentage / 100 * energy[0]
            part = min(1.0, charge / energy[k])
            charge = min(capacity, charge - part * energy[k])
            hours.append((k, part) if part > 0 else None)
    ran = [hour for hour in hours[-24:] if hour]
    answered = sum(part for _, part in ran)
    right = sum(part * record.subnetworks[k].accuracy["test"] for k, part in ran)
    switches = sum(a[0] != b[0] for a, b in itertools.pairwise(ran))
    spent = sum(part * energy[k] for k, part in ran)
    return 100 * right / 24, 100 * answered / 24, 100 * right / answered if answered else None, spent, switches


@pytest.mark.parametrize("mode", ["load", "battery"])
def test_the_day_adds_up(page, records, mode):
    """Every row of the table equals an independent computation, for each example and for a trace that was edited."""
    (record,) = records
    traces = {"load": LOADS, "battery": INCOMES}[mode]
    choose(page, "mode", mode)
    settings = {"answers": 2.5, "deadline": 170, "battery": 5, "reserve": 7}
    for name, value in settings.items():
        set_range(page, f"#{name}", value)
    given = (round(10**2.5), 1.7 * record.subnetworks[0].costs["latency"], 5, 7)
    for trace in (*traces, None):
        if trace:
            choose(page, "preset", trace.name)
            hours = list(trace.hours)
        else:
            hours = [(37 * h) % 21 * 5 for h in range(24)]
            for hour, value in enumerate(hours):
                set_range(page, f"#trace input:nth-child({hour + 1})", value)
        rows = table(page, "#balance")
        for row, fixed in zip(rows, [None, 0, 1, 2], strict=True):
            right, answered, those, spent, switches = simulated(record, hours, mode, fixed, *given)
            assert numbers(row[1])[0] == pytest.approx(right, abs=0.051)
            assert numbers(row[2])[0] == pytest.approx(answered, abs=0.051)
            assert row[3] == "–" if those is None else numbers(row[3])[0] == pytest.approx(those, abs=0.051)
            assert row[4] == quantity(spent, "µJ")
            assert int(row[5]) == switches


def test_an_hour_holds_no_more_answers_than_fit(browser, records, tmp_path):
    """A network of a second: with a deadline of 1.8 s there are 2,000 answers an hour, however many are asked for."""
    (record,) = records
    slow = [replace(s, costs=s.costs | {"latency": 1e6 / (k + 1)}) for k, s in enumerate(record.subnetworks)]
    write_page([replace(record, subnetworks=tuple(slow))], tmp_path / "slow.html")
    browser.open(tmp_path / "slow.html")
    set_range(browser, "#answers", 4)
    assert browser.text("#answers-value") == "2,000"
    set_range(browser, "#answers", 3)
    assert browser.text("#answers-value") == "1,000"


def test_the_trace_is_edited_by_keyboard_and_pointer(page):
    before = table(page, "#balance")
    page.keys("#trace input:nth-child(3)", END)
    assert page.run("return document.querySelector('#trace input:nth-child(3)').value") == "100"
    edited = table(page, "#balance")
    assert edited != before
    box = page.run(
        "const trace = document.querySelector('#trace'); trace.scrollIntoView({block: 'center'});"
        "const b = trace.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]"
    )
    left, top, width, height = box
    page.press(left + width * 2.5 / 24, top + height * 0.75)
    assert page.run("return document.querySelector('#trace input:nth-child(3)').value") == "25"
    assert table(page, "#balance") != edited


def test_python_and_the_page_write_numbers_alike(page, records):
    """The script and the tables write numbers by the same rules."""
    (record,) = records
    costs = [quantity(record.subnetworks[0].costs[c.key], c.unit) for c in record.costs]
    set_range(page, "#budget-range", 1000)
    shown = page.run("return [...document.querySelectorAll('#chosen-costs dd:nth-of-type(1)')].map(e => e.textContent)")
    assert shown == costs
    assert math.isclose(numbers(page.text("#budget-value"))[0], numbers(costs[0])[0])


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_sticks_out_and_text_can_be_read(page, whole_run, width, dark):
    page.emulate(width, 900, dark)
    page.open(whole_run / "report.html")
    assert page.run("return document.documentElement.scrollWidth") <= width
    colors = page.run("const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]")
    ink, paper = (luminance(numbers(color)[:3]) for color in colors)
    assert contrast(ink, paper) > 10
    assert (ink > paper) == dark
    cells = page.run(
        "return [...document.querySelectorAll('.matrix td.right, .matrix td.wrong')].filter(e => e.textContent)"
        ".map(e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor])"
    )
    ground = numbers(colors[1])
    for color, over in ([numbers(c) for c in cell] for cell in cells):
        alpha = over[3] if len(over) > 3 else 1.0
        mixed = [alpha * o + (1 - alpha) * g for o, g in zip(over[:3], ground, strict=False)]
        assert contrast(luminance(color[:3]), luminance(mixed)) > 3.5


def contrast(one, other):
    """Contrast of two luminances, as WCAG defines it."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def luminance(color):
    """Relative luminance of an sRGB colour, as WCAG defines it."""
    linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_on_paper_it_is_white_and_shows_the_choice_only(page):
    page.emulate(1280, 900, dark=True, media="print")
    assert page.run("return getComputedStyle(document.body).backgroundColor") in (
        "rgb(255, 255, 255)",
        "rgba(0, 0, 0, 0)",
    )
    visible = "return [...document.querySelectorAll('#budget-costs label')].filter(e => e.offsetParent).length"
    assert page.run(visible) == 1


def test_another_run_can_be_looked_at(browser, run, another, tmp_path):
    records = [read_run(run), read_run(another(1, 0.2))]
    write_page(records, tmp_path / "two.html")
    browser.emulate(1280, 900)
    browser.open(tmp_path / "two.html")
    set_range(browser, "#budget-range", 1000)
    shown = "return [...document.querySelectorAll('article')].map(e => !e.hidden)"
    assert browser.run(shown) == [True, False]
    first = numbers(browser.text("#chosen-accuracy"))
    browser.run("const e = document.querySelector('#run'); e.value = '1'; e.dispatchEvent(new Event('change'))")
    assert browser.run(shown) == [False, True]
    assert numbers(browser.text("#chosen-accuracy"))[0] == pytest.approx(first[0] + 20, abs=0.11)
    assert browser.console() == []


def test_a_run_without_accuracies_opens_without_errors(browser, run, tmp_path):
    for name in ("nested.ckpt", "subnetworks.json"):
        (run / name).unlink()
    write_page([read_run(run)], tmp_path / "early.html")
    browser.open(tmp_path / "early.html")
    assert browser.run("return ['budget', 'day'].map(id => document.getElementById(id).hidden)") == [True, True]
    assert browser.console() == []

"""JUnit XML is read as all the tools write it, counted by its test cases, and never trusted."""

from __future__ import annotations

from io import BytesIO
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockflight.stacks.suites.junit import Report, read_junit
from lockflight.stacks.suites.model import Counts, FailedCase

PYTEST = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.041"
 timestamp="2026-11-21T08:00:00+00:00" hostname="vm">
<testcase classname="tests.test_cart.TestCart" name="test_add[2-&lt;b&gt;]" time="0.001" />
<testcase classname="tests.test_cart" name="test_total" time="0.001"><failure message="AssertionError: assert 3 == 4&#10; +  where 3 = total()">def test_total():
&gt;       assert total() == 4
E       assert 3 == 4

tests/test_cart.py:7: AssertionError</failure></testcase>
<testcase classname="tests.test_cart" name="test_later" time="0.000"><skipped type="pytest.skip" message="later">tests/test_cart.py:9: later</skipped></testcase>
<testcase classname="tests.test_cart" name="test_store" time="0.000"><error message="failed on setup with &quot;ConnectionError&quot;">@pytest.fixture</error></testcase>
</testsuite></testsuites>"""

GO = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="1">
	<testsuite name="github.com/acme/cart/e2e" tests="3" failures="1" errors="0" id="0" hostname="vm" time="0.310">
		<properties><property name="go.version" value="go1.23"></property></properties>
		<testcase name="TestAdd" classname="github.com/acme/cart/e2e" time="0.100"></testcase>
		<testcase name="TestTotal" classname="github.com/acme/cart/e2e" time="0.200">
			<failure message="Failed"><![CDATA[    total_test.go:12: got 3, want 4
    total_test.go:13: in basket <7>
]]></failure>
		</testcase>
		<testcase name="TestSlow" classname="github.com/acme/cart/e2e" time="0.000">
			<skipped message="Skipped"></skipped>
		</testcase>
		<system-out><![CDATA[=== RUN   TestAdd]]></system-out>
	</testsuite>
</testsuites>"""

JEST = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="jest tests" tests="2" failures="1" errors="0" time="1.2">
  <testsuite name="cart" errors="0" failures="1" skipped="0" timestamp="2026-11-21T08:00:00" time="0.5" tests="2">
    <testcase classname="cart adds" name="cart adds" time="0.003">
    </testcase>
    <testcase classname="cart totals" name="cart totals" time="0.004">
      <failure>Error: expect(received).toBe(expected) // Object.is equality

Expected: 4
Received: 3
    at Object.&lt;anonymous&gt; (/app/cart.test.js:9:19)</failure>
    </testcase>
  </testsuite>
</testsuites>"""

SUREFIRE = """<?xml version="1.0" encoding="UTF-8"?>
<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="https://maven.apache.org/surefire/maven-surefire-plugin/xsd/surefire-test-report-3.0.xsd" version="3.0" name="com.acme.CartIT" time="0.1" tests="3" errors="1" skipped="0" failures="0" flakes="1">
  <properties><property name="java.version" value="21"/></properties>
  <testcase name="adds" classname="com.acme.CartIT" time="0.01">
    <flakyFailure message="once" type="java.lang.AssertionError"><stackTrace>at x</stackTrace></flakyFailure>
  </testcase>
  <testcase name="totals" classname="com.acme.CartIT" time="0.01">
    <error message="Connection refused" type="java.net.ConnectException"><![CDATA[java.net.ConnectException: Connection refused
	at com.acme.CartIT.totals(CartIT.java:20)]]></error>
    <rerunFailure message="Connection refused" type="java.net.ConnectException"/>
    <system-out><![CDATA[<failure/> in the text is no failure]]></system-out>
  </testcase>
  <testcase name="empties" classname="com.acme.CartIT" time="0.01"/>
</testsuite>"""

PLAYWRIGHT = """<testsuites id="" name="" tests="3" failures="1" skipped="1" errors="0" time="3.1">
<testsuite name="cart.spec.ts" timestamp="2026-11-21T08:00:00Z" hostname="chromium" tests="3" failures="1" skipped="1" time="3" errors="0">
<testcase name="cart › shows the total" classname="cart.spec.ts" time="2.5">
<failure message="cart.spec.ts:5:7 shows the total" type="FAILURE">
<![CDATA[  [chromium] › cart.spec.ts:5:7 › cart › shows the total
]]>
</failure>
<system-out><![CDATA[
[[ATTACHMENT|test-results/cart/trace.zip]]
]]></system-out>
</testcase>
<testcase name="cart › empties" classname="cart.spec.ts" time="0.5"></testcase>
<testcase name="cart › later" classname="cart.spec.ts" time="0"><skipped></skipped></testcase>
</testsuite>
</testsuites>"""


def read(text: str | bytes, largest: int = 1_000_000) -> Report:
    return read_junit(BytesIO(text if isinstance(text, bytes) else text.encode()), largest)


@pytest.mark.parametrize(
    ("text", "counts", "failed"),
    [
        (
            PYTEST,
            Counts(4, 1, 1, 1),
            [
                ("tests.test_cart.test_total", "AssertionError: assert 3 == 4\n +  where 3 = total()"),
                ("tests.test_cart.test_store", 'failed on setup with "ConnectionError"'),
            ],
        ),
        (GO, Counts(3, 1, 0, 1), [("github.com/acme/cart/e2e.TestTotal", "Failed")]),
        (
            JEST,
            Counts(2, 1, 0, 0),
            [
                (
                    "cart totals",
                    "Error: expect(received).toBe(expected) // Object.is equality\nExpected: 4\nReceived: 3",
                )
            ],
        ),
        (SUREFIRE, Counts(3, 0, 1, 0), [("com.acme.CartIT.totals", "Connection refused")]),
        (
            PLAYWRIGHT,
            Counts(3, 1, 0, 1),
            [("cart.spec.ts.cart › shows the total", "cart.spec.ts:5:7 shows the total")],
        ),
    ],
    ids=["pytest", "go-junit", "jest-junit", "surefire", "playwright"],
)
def test_a_report_of_a_known_tool_is_read(text: str, counts: Counts, failed: list[tuple[str, str]]) -> None:
    report = read(text)
    assert report.problem == ""
    assert report.counts == counts
    assert [(case.name, case.message) for case in report.failed_cases] == failed


def test_numbers_that_disagree_with_the_test_cases_are_not_believed() -> None:
    report = read('<testsuite tests="9" failures="0"><testcase name="a"><failure/></testcase></testsuite>')
    assert report.counts == Counts(1, 1, 0, 0)
    assert read('<testsuite tests="9"><testcase name="a"/></testsuite>').counts == Counts(1, 0, 0, 0)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ('<testsuite tests="1" errors="1"/>', Counts(1, 0, 1, 0)),
        ('<testsuite failures="2"><testcase name="a"/></testsuite>', Counts(2, 2, 0, 0)),
        ('<testsuites errors="1"><testsuite errors="1"/></testsuites>', Counts(1, 0, 1, 0)),
        ('<testsuites errors="3"><testsuite errors="1"/><testsuite/></testsuites>', Counts(3, 0, 3, 0)),
        (
            '<testsuites><testsuite errors="1"><testcase name="a"/></testsuite><testsuite failures="1">'
            '<testcase name="b"><failure/></testcase></testsuite></testsuites>',
            Counts(2, 1, 1, 0),
        ),
        # The same one, called an error here and a failure there.
        ('<testsuite errors="1"><testcase name="a"><failure/></testcase></testsuite>', Counts(1, 1, 0, 0)),
        ('<testsuite errors="1"><testcase name="a"/>', Counts(1, 0, 1, 0)),
        ('<testsuite errors="x" failures="-1"><testcase name="a"/></testsuite>', Counts(1, 0, 0, 0)),
    ],
)
def test_a_suite_that_states_more_failures_than_its_cases_have_is_believed(text: str, counts: Counts) -> None:
    assert read(text).counts == counts


def test_failures_that_are_only_stated_are_told_by_the_suite() -> None:
    report = read('<testsuite name="cart" tests="1" errors="1"/>')
    assert report.failed_cases == (
        FailedCase("cart", "states 0 failures and 1 errors, more than its test cases have"),
    )


def test_suites_may_be_nested() -> None:
    inner = '<testsuite name="in"><testcase name="b"/></testsuite><testcase name="c"/>'
    report = read(f'<testsuites><testsuite name="out"><testcase name="a"/>{inner}</testsuite></testsuites>')
    assert report == Report(Counts(3, 0, 0, 0))


def test_a_test_that_failed_and_could_not_tidy_up_counts_once() -> None:
    report = read(
        '<testsuite><testcase name="a"><skipped/><error message="e"/><failure message="f"/></testcase></testsuite>'
    )
    assert report == Report(Counts(1, 1, 0, 0), (FailedCase("a", "f"),))


def test_a_suite_that_failed_as_a_whole_counts_as_an_error() -> None:
    report = read('<testsuites><testsuite name="cart"><error message="no store"/></testsuite></testsuites>')
    assert report == Report(Counts(1, 0, 1, 0), (FailedCase("cart", "no store"),))


def test_a_disabled_test_of_googletest_counts_as_skipped() -> None:
    report = read(
        '<testsuites><testsuite name="A"><testcase name="b" status="notrun" classname="A"/></testsuite></testsuites>'
    )
    assert report.counts == Counts(1, 0, 0, 1)


def test_a_default_namespace_changes_nothing() -> None:
    report = read('<testsuite xmlns="urn:x"><testcase name="a"><failure message="m"/></testcase></testsuite>')
    assert report == Report(Counts(1, 1, 0, 0), (FailedCase("a", "m"),))


def test_of_many_failures_the_first_are_kept_and_all_are_counted() -> None:
    cases = "".join(f'<testcase name="t{number}"><failure/></testcase>' for number in range(50))
    report = read(f"<testsuite>{cases}</testsuite>")
    assert report.counts.failures == 50
    assert [case.name for case in report.failed_cases] == [f"t{number}" for number in range(20)]


def test_names_and_messages_are_bounded_and_command_no_terminal() -> None:
    text = "\x1b[31m" + "long " * 1000
    report = read(
        f'<testsuite><testcase name="{"n" * 9000}"><failure>{text}</failure></testcase></testsuite>'
    )
    (case,) = report.failed_cases
    assert (len(case.name), len(case.message)) == (200, 300)
    assert case.message.startswith("\N{REPLACEMENT CHARACTER}[31mlong long")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('<testsuite><testcase name="ä"><failure/></testcase></testsuite>'.encode(), "ä"),
        (
            '\ufeff<?xml version="1.0" encoding="utf-8"?><testsuite><testcase name="ä"><failure/></testcase></testsuite>'.encode(),
            "ä",
        ),
        (
            '<?xml version="1.0" encoding="ISO-8859-1"?><testsuite><testcase name="ä"><failure/></testcase></testsuite>'.encode(
                "latin-1"
            ),
            "ä",
        ),
        (
            '<?xml version="1.0" encoding="windows-1252"?><testsuite><testcase name="€"><failure/></testcase></testsuite>'.encode(
                "cp1252"
            ),
            "€",
        ),
        (
            '<?xml version="1.0" encoding="UTF-16"?><testsuite><testcase name="ä"><failure/></testcase></testsuite>'.encode(
                "utf-16"
            ),
            "ä",
        ),
        (
            '<?xml version="1.0" encoding="UTF-16"?><testsuite><testcase name="ä"><failure/></testcase></testsuite>'.encode(
                "utf-16-be"
            ),
            "ä",
        ),
        (
            '<?xml version="1.0" encoding="UTF-16"?><testsuite><testcase name="ä"><failure/></testcase></testsuite>'.encode(),
            "ä",
        ),
        (
            '<?xml version="1.0" encoding="Shift_JIS"?><testsuite><testcase name="試験"><failure/></testcase></testsuite>'.encode(
                "shift-jis"
            ),
            "試験",
        ),
        (
            b'<testsuite><testcase name="a\xffb"><failure/></testcase></testsuite>',
            "a\N{REPLACEMENT CHARACTER}b",
        ),
    ],
)
def test_encodings_are_understood(body: bytes, name: str) -> None:
    report = read(body)
    assert (report.problem, [case.name for case in report.failed_cases]) == ("", [name])


LAUGHS = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]>
<testsuite><testcase name="&lol2;"/></testsuite>"""
OUTSIDE = """<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite><testcase name="b">&x;</testcase></testsuite>"""


@pytest.mark.parametrize(
    "body",
    [LAUGHS.encode(), OUTSIDE.encode(), LAUGHS.replace('"1.0"', '"1.0" encoding="utf-16"').encode("utf-16")],
)
def test_a_document_type_is_refused_before_anything_of_it_is_used(body: bytes) -> None:
    assert read(body) == Report(
        Counts(), (), "has a document type (<!DOCTYPE …>), which no test report needs"
    )


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"<html/>", "is no JUnit XML: it begins with <html>"),
        (b"{}", "is no complete XML: not well-formed (invalid token) at line 1, column 1"),
        (b"<testsuite>\n<testcase", "is no complete XML: unclosed token at line 2, column 1"),
        (b"<testsuite>&nbsp;</testsuite>", "is no complete XML: undefined entity"),
        (b'<?xml version="1.0" encoding="klingon"?><testsuite/>', "cannot be read: unknown encoding: klingon"),
        (b'<?xml version="1.0" encoding="hex"?><testsuite/>', "cannot be read: 'hex' is not a text encoding"),
    ],
)  # fmt: skip
def test_a_broken_report_is_a_problem_and_no_crash(body: bytes, problem: str) -> None:
    assert read(body).problem.startswith(problem)


def test_what_was_counted_before_a_report_breaks_off_stays_counted() -> None:
    report = read('<testsuite><testcase name="a"><failure message="m"/></testcase><testcase name="b">')
    assert (report.counts, report.failed_cases) == (Counts(1, 1, 0, 0), (FailedCase("a", "m"),))
    assert report.problem.startswith("is no complete XML: no element found")


def test_a_report_that_is_too_large_is_not_read_to_its_end() -> None:
    assert read(b"<testsuite>" + b" " * 3_000_000, largest=2**20).problem == "is larger than 1 MiB"


def test_a_report_that_is_nested_without_end_is_no_trouble() -> None:
    assert read("<testsuite>" * 100_000, largest=10_000_000).problem.startswith("is no complete XML")


CASES = st.lists(
    st.tuples(
        st.text(
            st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"]), min_size=1, max_size=20
        ),
        st.sampled_from(
            ["", "<failure/>", "<error>x</error>", "<skipped/>", "<system-out>&lt;failure/&gt;</system-out>"]
        ),
    ),
    max_size=30,
)


@given(CASES)
def test_every_test_case_is_counted_once(cases: list[tuple[str, str]]) -> None:
    body = "".join(f"<testcase name={quoteattr(name)}>{inner}</testcase>" for name, inner in cases)
    counts = read(f"<testsuite>{body}</testsuite>").counts
    inners = [inner for _, inner in cases]
    wanted = Counts(
        len(cases), inners.count("<failure/>"), inners.count("<error>x</error>"), inners.count("<skipped/>")
    )
    assert counts == wanted


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"<testsuite>", b'<?xml version="1.0" encoding="utf-7"?><testsuite>', b"\xff\xfe"]),
)
def test_no_bytes_at_all_make_it_crash(body: bytes, first: bytes) -> None:
    report = read(first + body)
    assert report.problem or report.counts.tests >= 0


@given(st.integers(0, len(PYTEST.encode())))
def test_a_report_may_break_off_anywhere(length: int) -> None:
    assert read(PYTEST.encode()[:length]).counts.tests <= 4

"""System tests of the demo shop: buys things through its gateway, and holds the bill against the price list.

    BASE_URL=http://127.0.0.1:8080 python3 compose/suite/system_test.py --junit reports/system.xml

Needs Python's standard library and nothing else. Ends with 0 when all tests pass, and with 1 otherwise.
"""
# ruff: noqa: N802, PT009, PT027, T201 - a program by itself, in the words of unittest

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

BASE_URL = os.environ.get("BASE_URL", "http://127.0.0.1:8080")
SECONDS_TO_ANSWER = 10
# No proxy stands between this machine and itself, whatever the environment says.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Refused(Exception):
    """The shop answered with an error; the message is its status and what it said."""


def ask(path: str, **form: str | int) -> Any:
    """GET that page, or POST the form if there is one; answers the JSON that comes back."""
    data = urllib.parse.urlencode(form).encode() if form else None
    try:
        with OPENER.open(BASE_URL + path, data, timeout=SECONDS_TO_ANSWER) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Refused(f"{path}: {error.code} {error.read().decode()}") from None


class Shopping(unittest.TestCase):
    def setUp(self) -> None:
        # Nobody's cart but this test's, so that the suite may run again and beside itself.
        self.customer = "".join(secrets.choice("abcdefghijkl") for _ in range(16))
        self.cart = f"/carts/{self.customer}/"

    def test_the_catalog_has_the_prices_that_the_migration_brought(self) -> None:
        self.assertEqual(ask("/products/"), {"tea": 450, "cup": 1250, "pot": 3900})

    def test_a_cart_adds_up_what_is_put_into_it(self) -> None:
        ask(self.cart, product="tea", quantity=2)
        ask(self.cart, product="cup", quantity=1)
        ask(self.cart, product="tea", quantity=1)
        self.assertEqual(ask(self.cart), {"tea": 3, "cup": 1})

    def test_an_order_costs_price_times_quantity(self) -> None:
        ask(self.cart, product="tea", quantity=3)
        ask(self.cart, product="pot", quantity=1)
        self.assertEqual(ask("/orders/", customer=self.customer)["total"], 3 * 450 + 3900)

    def test_an_order_is_kept_and_the_cart_is_empty_after_it(self) -> None:
        ask(self.cart, product="cup", quantity=1)
        order = ask("/orders/", customer=self.customer)
        self.assertEqual(ask(f"/orders/{order['order']}/"), order)
        self.assertEqual(ask(self.cart), {})

    def test_what_the_catalog_does_not_sell_cannot_be_ordered(self) -> None:
        ask(self.cart, product="moon", quantity=1)
        with self.assertRaisesRegex(Refused, "400 .*the catalog sells no moon"):
            ask("/orders/", customer=self.customer)


class Report(unittest.TestResult):
    """Prints a line for each test, and keeps what a JUnit file says of it."""

    def __init__(self) -> None:
        super().__init__()
        self.junit = ElementTree.Element("testsuite", name="system")

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._started = time.monotonic()
        self._trouble: str | None = None

    def addFailure(self, test: unittest.TestCase, error: Any) -> None:
        super().addFailure(test, error)
        self._trouble = str(error[1])

    def addError(self, test: unittest.TestCase, error: Any) -> None:
        super().addError(test, error)
        self._trouble = f"{error[0].__name__}: {error[1]}"

    def stopTest(self, test: unittest.TestCase) -> None:
        name = test.id().rsplit("test_", 1)[1].replace("_", " ")
        seconds = f"{time.monotonic() - self._started:.3f}"
        case = ElementTree.SubElement(self.junit, "testcase", classname="shopping", name=name, time=seconds)
        if self._trouble is None:
            print(f"ok      {name}")
        else:
            print(f"FAILED  {name}: {self._trouble}")
            ElementTree.SubElement(case, "failure", message=self._trouble)
        super().stopTest(test)

    def write(self, path: Path) -> None:
        failed = len(self.failures) + len(self.errors)
        self.junit.attrib.update(tests=str(self.testsRun), failures=str(failed), errors="0")
        path.parent.mkdir(parents=True, exist_ok=True)
        ElementTree.ElementTree(self.junit).write(path, encoding="utf-8", xml_declaration=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="The demo shop's system tests; BASE_URL says where it is.")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write what happened as JUnit XML")
    options = parser.parse_args()
    report = Report()
    unittest.defaultTestLoader.loadTestsFromTestCase(Shopping).run(report)
    if options.junit:
        report.write(options.junit)
    return 0 if report.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

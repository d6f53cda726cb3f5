"""What work costs: processor and memory by a sheet, and sheets that are none."""

from pathlib import Path

import pytest

from pipeline.errors import BadInput
from pipeline.prices import dollars, price, read_prices

PRICES = {"per_cpu_hour": 0.04, "per_gb_hour": 0.005}


def test_a_processor_hour_and_a_gigabyte_hour_cost_what_the_sheet_says() -> None:
    busy = {"cpu_seconds": 3600.0, "seconds": 1800.0, "peak_rss_mb": 0.0}
    idle = {"cpu_seconds": 0.0, "seconds": 3600.0, "peak_rss_mb": 2e9 / 2**20}
    assert price([busy], PRICES) == pytest.approx(0.04)
    assert price([idle], PRICES) == pytest.approx(0.01)
    assert price([busy, idle], PRICES) == pytest.approx(0.05)
    assert price([], PRICES) == 0


def test_the_sheet_of_the_project_has_prices_and_their_source() -> None:
    prices = read_prices()
    assert 0 < prices["per_gb_hour"] < prices["per_cpu_hour"] < 1
    assert prices["source"].startswith("An assumption")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"id": "a", "source": "b", "per_cpu_hour": -1, "per_gb_hour": 0}', "per_cpu_hour cannot be"),
        ('{"id": 1, "source": "b", "per_cpu_hour": 0, "per_gb_hour": 0}', "id cannot be"),
        ('{"id": "a", "source": "b", "per_cpu_hour": 0}', "per_gb_hour cannot be"),
        (
            '{"id": "a", "source": "b", "per_cpu_hour": 1e999, "per_gb_hour": NaN}',
            "per_cpu_hour, per_gb_hour cannot be",
        ),
        (
            '{"id": "a", "source": "b", "per_cpu_hour": true, "per_gb_hour": "0.1"}',
            "per_cpu_hour, per_gb_hour cannot be",
        ),
        ('{"id": "a", "source": "b", "per_cpu_hour": 0, "per_gb_hour": 0, "currency": "EUR"}', "currency cannot be"),
        ("[1]", "is no price sheet"),
        ("nonsense", "is no price sheet"),
    ],
)
def test_a_sheet_without_prices_is_refused_in_a_sentence(text: str, said: str, tmp_path: Path) -> None:
    sheet = tmp_path / "prices.json"
    sheet.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=said):
        read_prices(sheet)
    with pytest.raises(BadInput, match="is no price sheet"):
        read_prices(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("amount", "said"),
    [(0, "0 USD"), (0.0000754, "0.000075 USD"), (0.000123, "0.00012 USD"), (0.4, "0.40 USD"), (1234.5, "1,234.50 USD")],
)
def test_amounts_have_two_digits_that_say_something(amount: float, said: str) -> None:
    assert dollars(amount) == said

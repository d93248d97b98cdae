"""The check of the built site sees what it is there to see."""

import pytest

from tests.docs.offline_site import fetched_elsewhere

pytestmark = pytest.mark.on_torch

GOOD = """<link rel="canonical" href="https://example.org/"><script src="../a.js"></script>
<a href="https://example.org">a link</a><img src="data:image/png;base64,AAAA">"""


@pytest.mark.parametrize(
    "line",
    [
        '<script src="https://example.org/a.js"></script>',
        '<link rel="stylesheet" href="//example.org/a.css">',
        '<link rel="preconnect" href="https://example.org">',
        '<img src="https://example.org/a.png">',
        '<img src="a.png" srcset="a.png 1x, https://example.org/a.png 2x">',
        '<audio src="//example.org/a.ogg"></audio>',
        '<svg><image href="https://example.org/a.png"/></svg>',
        "<style>p { background: url(https://example.org/a.png) }</style>",
        '<meta http-equiv="refresh" content="0; url=https://example.org">',
        '<base href="https://example.org/">',
        '<div style="background: url(https://example.org/a.png)"></div>',
    ],
)
def test_a_page_that_fetches_is_named(tmp_path, line):
    (tmp_path / "good.html").write_text(GOOD)
    (tmp_path / "bad.html").write_text(GOOD + line)
    assert [path.name for path in fetched_elsewhere(tmp_path)] == ["bad.html"]


@pytest.mark.parametrize("rule", ['@import "https://example.org/a.css";', "p { src: url('//example.org/a.woff2') }"])
def test_and_a_style_sheet(tmp_path, rule):
    (tmp_path / "good.css").write_text("p { src: url(fonts/a.woff2) }")
    (tmp_path / "bad.css").write_text(rule)
    assert [path.name for path in fetched_elsewhere(tmp_path)] == ["bad.css"]


def test_no_site_is_no_pass(tmp_path):
    with pytest.raises(SystemExit, match="There is no site"):
        fetched_elsewhere(tmp_path)

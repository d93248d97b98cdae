"""Checks that the built site loads nothing from another host: `python -m tests.docs.offline_site [folder]`.

Links that a reader may follow are free to lead elsewhere; scripts, styles, fonts and pictures are not.
"""

import html.parser
import pathlib
import re
import sys

FETCHES = ("src", "srcset", "poster", "data", "href", "xlink:href", "background")
# What a reader follows, and what only says where a page belongs.
FOLLOWED = ("a", "area")
SAYS = ("canonical", "next", "prev", "edit", "license", "author")
ELSEWHERE = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
IN_STYLES = re.compile(r"(?:url\(\s*|@import\s+)['\"]?((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)


class Page(html.parser.HTMLParser):
    """Collects what a browser fetches for a page from another host."""

    def __init__(self):
        super().__init__()
        self.found = []
        self.in_style = False

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.in_style = tag == "style"
        if tag in FOLLOWED or (tag == "link" and values.get("rel") in SAYS):
            return
        for name in FETCHES:
            for address in (values.get(name) or "").split(","):
                if ELSEWHERE.match(address):
                    self.found.append(f"<{tag} {name}={address.strip()}>")
        if tag == "meta" and (values.get("http-equiv") or "").lower() == "refresh":
            self.found.append(f"<meta http-equiv=refresh content={values.get('content')}>")
        self.found.extend(IN_STYLES.findall(values.get("style") or ""))

    def handle_endtag(self, tag):
        self.in_style = False

    def handle_data(self, data):
        if self.in_style:
            self.found.extend(IN_STYLES.findall(data))


def fetched_elsewhere(folder):
    """Dict from the path of a page or style sheet to what it would fetch from other hosts."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".html":
            page = Page()
            page.feed(path.read_text(encoding="utf-8"))
            found[path] = page.found
        elif path.suffix in (".css", ".svg"):
            found[path] = IN_STYLES.findall(path.read_text(encoding="utf-8"))
    if not found:
        sys.exit(f"There is no site in {folder}. Build it first: mkdocs build")
    return {path: urls for path, urls in found.items() if urls}


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "site")
    found = fetched_elsewhere(folder)
    for path, urls in found.items():
        print(f"{path.relative_to(folder)} loads from another host: {', '.join(sorted(set(urls)))}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

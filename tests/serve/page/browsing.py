"""What a person does in a browser: follow links, fill in fields, press buttons; and what is wrong with what they see."""

import json
from typing import Any, Final

from tests.apps.personhood.chromium import Page


def visit(page: Page, url: str) -> None:
    """Go to a page, wherever it leads to, and wait until it is there."""
    page.ask("window.left = true")
    page.send("Page.navigate", url=url)
    page.wait_for("!window.left && document.readyState === 'complete'")


def click(page: Page, words: str, *, within: str = "body") -> None:
    """Press the first link or button of these words with the mouse, and wait for the page that comes of it."""
    found = page.ask(
        f"""(() => {{
            const there = [...document.querySelectorAll({json.dumps(within)} + ' :is(a, button, summary)')]
                .find((one) => one.innerText.trim().replace(/\\s+/g, ' ').startsWith({json.dumps(words)}));
            if (!there) return null;
            there.scrollIntoView({{block: 'center'}});
            window.left = true;
            const box = there.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()"""
    )
    assert found is not None, f"nothing to press is called {words!r}: {page.text('main')[:2_000]}"
    for kind in ("mousePressed", "mouseReleased"):
        page.send("Input.dispatchMouseEvent", type=kind, x=found[0], y=found[1], button="left", clickCount=1)
    page.wait_for("!window.left && document.readyState === 'complete'")


def fill(page: Page, field: str, text: str) -> None:
    """Write into a field, by its id."""
    page.ask(f"document.getElementById({json.dumps(field)}).focus()")
    page.send("Input.insertText", text=text)


def sign_in(page: Page, url: str, key: str) -> None:
    """Sign in with a key; what comes of it is for whoever asked to see."""
    visit(page, f"{url}/ui/sign-in")
    fill(page, "key", key)
    click(page, "Sign in", within="main")


def faults(page: Page) -> list[str]:
    """What somebody who cannot see, or cannot use a mouse, would stumble over, and text that is hard to read."""
    found: list[str] = page.ask(_FAULTS)
    return found


def width(page: Page) -> Any:
    """How wide the page is, what lies beyond the screen included."""
    return page.ask("document.documentElement.scrollWidth")


_FAULTS: Final = """
(() => {
  const faults = [];
  const told = (one) => `${one.tagName.toLowerCase()} ${(one.id || one.className.baseVal || one.className || '')} "${(one.textContent || '').trim().slice(0, 40)}"`;
  const isHidden = (one) => one.closest('[aria-hidden="true"]') !== null || one.closest('[hidden]') !== null;
  if (!document.documentElement.lang) faults.push('no language');
  if (!document.title) faults.push('no title');
  for (const [kind, n] of [['main', 1], ['h1', 1], ['header', 1], ['footer', 1]])
    if (document.querySelectorAll(kind).length !== n) faults.push(`not one ${kind}`);
  for (const nav of document.querySelectorAll('nav')) if (!nav.getAttribute('aria-label')) faults.push('nav without a name');
  let level = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3, h4')) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) faults.push(`after h${level} comes ${told(heading)}`);
    level = next;
  }
  for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
    if (!field.labels.length && !field.getAttribute('aria-label')) faults.push(`no label: ${told(field)}`);
  for (const one of document.querySelectorAll('a, button, summary'))
    if (!one.textContent.trim() && !one.getAttribute('aria-label')) faults.push(`no words: ${told(one)}`);
  for (const image of document.querySelectorAll('img')) if (!image.alt) faults.push('an image without words');
  for (const drawing of document.querySelectorAll('svg'))
    if (!isHidden(drawing) && !(drawing.getAttribute('role') === 'img' && drawing.getAttribute('aria-label')))
      faults.push(`a drawing without words: ${told(drawing)}`);
  for (const table of document.querySelectorAll('table')) {
    if (!table.caption || !table.caption.textContent.trim()) faults.push('a table without a caption');
    for (const head of table.querySelectorAll('th')) {
      if (!head.scope) faults.push(`no scope: ${told(head)}`);
      if (!head.textContent.trim()) faults.push(`an empty heading of a table ${table.caption?.textContent}`);
    }
  }
  const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
  for (const id of new Set(ids)) if (ids.filter((one) => one === id).length > 1) faults.push(`twice the id ${id}`);
  for (const name of ['aria-labelledby', 'aria-describedby', 'for'])
    for (const one of document.querySelectorAll(`[${name}]`))
      if (!ids.includes(one.getAttribute(name))) faults.push(`${name} leads nowhere: ${told(one)}`);
  for (const one of document.querySelectorAll('button, a.button, input:not([type=hidden])')) {
    const box = one.getBoundingClientRect();
    if (box.width < 16 || box.height < 16) faults.push(`too small to press: ${told(one)} ${box.width} x ${box.height}`);
  }

  const part = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const [r, g, b, a = 1] = part(getComputedStyle(at).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const one = text.parentElement;
    if (!text.textContent.trim() || !one.checkVisibility({visibilityProperty: true}) || one.closest('title, .unseen, .skip')) continue;
    const style = getComputedStyle(one);
    const ink = part(one.closest('svg') ? style.fill : style.color);
    const [high, low] = [light(ink), light(ground(one))].sort((x, y) => y - x);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const key = `${style.color} ${one.className.baseVal || one.className}`;
    if (ratio < least && !seen.has(key)) {
      seen.add(key);
      faults.push(`contrast ${ratio.toFixed(2)}: ${told(one)}`);
    }
  }
  return faults;
})()
"""

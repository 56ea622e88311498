// Search over all pages, commands, options and codes, with an index that is part of the site.
(() => {
  "use strict";
  const MOST = 12;
  const form = document.querySelector(".search");
  const input = document.getElementById("search");
  const results = document.getElementById("results");
  const found = document.getElementById("found");
  const entries = window.searchIndex.map(([kind, title, address, text]) => ({
    kind, title, address, text,
    inTitle: title.toLowerCase(),
    inText: `${kind} ${title} ${text}`.toLowerCase(),
  }));
  form.hidden = false;

  // Every word must be somewhere. The beginning of a title counts most, then the words side by side, as they were typed.
  function rank(entry, words) {
    const phrase = words.join(" ");
    let sum = 0;
    if (words.length > 1 && entry.inTitle.includes(phrase)) sum += 12;
    else if (words.length > 1 && entry.inText.includes(phrase)) sum += 6;
    if (entry.inTitle.replace(/^[-`]+/, "") === phrase) sum += 10;
    for (const word of words) {
      if (entry.inTitle.startsWith(word)) sum += 8;
      else if (entry.inTitle.includes(word)) sum += 5;
      else if (entry.inText.includes(word)) sum += 1;
      else return 0;
    }
    return sum;
  }

  function close() {
    results.hidden = true;
    results.replaceChildren();
  }

  function excerpt(entry, words) {
    const text = entry.text;
    const places = words.map((word) => text.toLowerCase().indexOf(word)).filter((at) => at >= 0);
    const from = Math.max(0, Math.min(...places, text.length) - 40);
    if (places.length === 0) return text.slice(0, 120) + (text.length > 120 ? "…" : "");
    return (from > 0 ? "…" : "") + text.slice(from, from + 120) + (text.length > from + 120 ? "…" : "");
  }

  // A text with the words that were looked for marked in it.
  function marked(text, words) {
    const safe = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return text.split(new RegExp(`(${safe.join("|")})`, "gi")).map((piece, number) => {
      if (number % 2 === 0) return piece;
      const mark = document.createElement("mark");
      mark.textContent = piece;
      return mark;
    });
  }

  function show() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    close();
    found.textContent = "";
    if (words.length === 0) return;
    const ranked = entries
      .map((entry) => [rank(entry, words), entry])
      .filter(([sum]) => sum > 0)
      .sort(([one], [other]) => other - one);
    found.textContent = ranked.length === 1 ? "1 result" : `${ranked.length} results`;
    const list = document.createElement("ul");
    for (const [, entry] of ranked.slice(0, MOST)) {
      const link = document.createElement("a");
      link.href = entry.address;
      for (const [name, text] of [["kind", entry.kind], ["title", entry.title], ["text", excerpt(entry, words)]]) {
        const part = document.createElement("span");
        part.className = name;
        part.append(...marked(text, words));
        link.append(part);
      }
      const item = document.createElement("li");
      item.append(link);
      list.append(item);
    }
    if (ranked.length === 0) {
      const nothing = document.createElement("p");
      nothing.textContent = "Nothing found.";
      results.append(nothing);
    } else {
      results.append(list);
    }
    results.hidden = false;
  }

  input.addEventListener("input", show);
  input.addEventListener("focus", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    results.querySelector("a")?.click();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      input.focus();
      close();
    }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const stops = [input, ...results.querySelectorAll("a")];
    const next = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    stops[next]?.focus();
    event.preventDefault();
  });
  results.addEventListener("click", (event) => {
    // On the page itself, the address changes and nothing else would close the list.
    if (event.target.closest("a")) close();
  });
  document.addEventListener("focusin", (event) => {
    if (!form.contains(event.target)) close();
  });
  document.addEventListener("click", (event) => {
    if (!form.contains(event.target)) close();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
    }
  });
})();

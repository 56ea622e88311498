// Light or dark, as the system says unless the reader has said otherwise. Runs before the page is drawn.
(() => {
  "use strict";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  // Storage may be closed, as to a page opened as a file.
  try {
    const kept = localStorage.getItem("theme");
    if (kept === "light" || kept === "dark") chosen = kept;
  } catch {}

  function apply() {
    const dark = chosen ? chosen === "dark" : system.matches;
    root.dataset.theme = dark ? "dark" : "light";
    const button = document.getElementById("theme");
    if (button) {
      button.hidden = false;
      // On a phone, what it is for is left to those who cannot see it.
      const label = document.createElement("span");
      label.textContent = "Theme: ";
      button.replaceChildren(label, chosen ?? "system");
    }
    dispatchEvent(new CustomEvent("theme"));
  }

  apply();
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme").addEventListener("click", () => {
      // The system's, then the other one, then the same but chosen, then the system's again.
      const own = system.matches ? "dark" : "light";
      if (chosen === null) chosen = own === "dark" ? "light" : "dark";
      else chosen = chosen === own ? null : own;
      try {
        if (chosen === null) localStorage.removeItem("theme");
        else localStorage.setItem("theme", chosen);
      } catch {}
      apply();
    });
  });
})();

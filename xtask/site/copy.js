// A button beside each block of code that copies it, and one group of samples that opens alike on every page.
(() => {
  "use strict";
  for (const block of document.querySelectorAll("pre")) {
    const code = block.querySelector("code");
    if (!code || !navigator.clipboard) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      // Of a session, what is typed is what one wants to paste.
      const typed = [...code.querySelectorAll("b")].map((line) => line.textContent);
      await navigator.clipboard.writeText(typed.length ? typed.join("\n") : code.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    const box = document.createElement("div");
    box.className = "block";
    block.replaceWith(box);
    box.append(block, button);
  }

  // The language of the samples that was opened last is opened on the next page too.
  const groups = [...document.querySelectorAll("details[name=samples]")];
  let kept = null;
  try {
    kept = localStorage.getItem("samples");
  } catch {}
  const label = (group) => group.querySelector("summary").textContent;
  const first = groups.find((group) => label(group) === kept) ?? groups[0];
  if (first) first.open = true;
  for (const group of groups) {
    group.addEventListener("toggle", () => {
      if (!group.open) return;
      try {
        localStorage.setItem("samples", label(group));
      } catch {}
    });
  }
})();

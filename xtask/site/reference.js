// Draws the reference, and draws it again in the other colours when the theme changes.
(() => {
  "use strict";
  const spec = JSON.parse(document.getElementById("document").textContent);

  function options(dark) {
    const ink = dark ? "#e6e8eb" : "#1b1f24";
    const soft = dark ? "#b3bac3" : "#4a525c";
    const ground = dark ? "#14171b" : "#ffffff";
    const raised = dark ? "#1d2126" : "#f4f5f7";
    const link = dark ? "#8ab8ff" : "#0b57a4";
    const panel = "#1b2027";
    return {
      disableSearch: true,
      hideDownloadButton: true,
      hideDownloadButtons: true,
      nativeScrollbars: true,
      jsonSamplesExpandLevel: 4,
      requiredPropsFirst: true,
      pathInMiddlePanel: true,
      minCharacterLengthToShow: 2,
      theme: {
        colors: {
          primary: { main: link },
          success: { main: dark ? "#6fd08c" : "#12692f" },
          error: { main: dark ? "#ff9d94" : "#a4161a" },
          text: { primary: ink, secondary: soft },
          border: { dark: soft, light: raised },
          http: { get: "#12692f", post: "#0b57a4", delete: "#a4161a" },
          responses: {
            success: { color: dark ? "#6fd08c" : "#12692f", backgroundColor: raised, tabTextColor: "#6fd08c" },
            error: { color: dark ? "#ff9d94" : "#a4161a", backgroundColor: raised, tabTextColor: "#ff9d94" },
          },
        },
        schema: {
          linesColor: soft,
          typeNameColor: soft,
          typeTitleColor: soft,
          requireLabelColor: dark ? "#ff9d94" : "#a4161a",
          nestedBackground: raised,
          defaultDetailsWidth: "75%",
        },
        typography: {
          fontFamily: "system-ui, sans-serif",
          fontSize: "16px",
          headings: { fontFamily: "system-ui, sans-serif", fontWeight: "650" },
          code: {
            fontFamily: "ui-monospace, Menlo, Consolas, monospace",
            color: dark ? "#ffb3a7" : "#9a2a12",
            backgroundColor: raised,
          },
          links: { color: link, visited: link, hover: link },
        },
        sidebar: { backgroundColor: raised, textColor: ink, activeTextColor: link, width: "250px" },
        rightPanel: { backgroundColor: panel, textColor: "#f3f4f6" },
        codeBlock: { backgroundColor: "#0f1216" },
        fab: { backgroundColor: raised, color: link },
      },
      ground,
    };
  }

  let drawn = null;
  function draw() {
    const dark = document.documentElement.dataset.theme === "dark";
    if (dark === drawn) return;
    drawn = dark;
    const old = document.getElementById("redoc");
    const fresh = document.createElement("div");
    fresh.id = "redoc";
    old.replaceWith(fresh);
    Redoc.init(spec, options(dark), fresh);
  }

  // Redoc goes from headings of the second level to those of the fifth. It draws a part at a time, so that each is mended
  // when it comes.
  new MutationObserver(() => {
    for (const heading of document.querySelectorAll("#redoc h5:not([aria-level])")) heading.setAttribute("aria-level", "3");
  }).observe(document.querySelector("main"), { childList: true, subtree: true });

  addEventListener("theme", draw);
  draw();
})();

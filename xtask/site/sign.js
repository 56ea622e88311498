// The form of the page about signing. The signer is WebAssembly within the page; nothing is fetched, sent or stored.
(() => {
  "use strict";
  const NAMES = ["token", "query", "body", "timestamp", "secret"];
  const by = (id) => document.getElementById(id);
  const bytes = Uint8Array.from(atob(by("wasm").textContent.trim()), (character) => character.charCodeAt(0));

  WebAssembly.instantiate(bytes).then(({ instance }) => {
    const signer = instance.exports;
    const output = (number) => {
      const text = Uint8Array.from({ length: signer.length(number) }, (_, index) => signer.byte(number, index));
      return new TextDecoder().decode(text);
    };

    function sign() {
      signer.clear();
      NAMES.forEach((name, number) => {
        for (const byte of new TextEncoder().encode(by(name).value)) signer.put(number, byte);
        by(name).removeAttribute("aria-invalid");
        by(name).removeAttribute("aria-describedby");
      });
      const failed = signer.sign() !== 0;
      const [parameters, signature, complaint, about] = [0, 1, 2, 3].map(output);
      signer.clear();

      by("complaint").textContent = complaint;
      by("signature").textContent = signature;
      by("string-to-sign").replaceChildren();
      if (failed) {
        by(about).setAttribute("aria-invalid", "true");
        by(about).setAttribute("aria-describedby", "complaint");
        return;
      }
      const shown = (name) => (by("reveal").checked ? by(name).value : "***");
      const parts = {
        token: shown("token"),
        query: parameters,
        body: by("body").value,
        timestamp: String(BigInt(by("timestamp").value.trim())),
        secret: shown("secret"),
      };
      for (const name of NAMES) {
        const part = document.createElement("span");
        part.className = `part-${name}`;
        part.textContent = parts[name];
        by("string-to-sign").append(part);
      }
    }

    by("inputs").addEventListener("input", sign);
    by("inputs").addEventListener("submit", (event) => event.preventDefault());
    by("inputs").addEventListener("reset", () => setTimeout(sign));
    by("now").addEventListener("click", () => {
      by("timestamp").value = Date.now();
      sign();
    });
    // A browser may bring back what was typed before the page was loaded anew.
    by("inputs").reset();
    by("signer").hidden = false;
    sign();
  });
})();

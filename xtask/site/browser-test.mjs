// Opens every page of target/site in Chromium, from the disk and from `cargo xtask docs --serve`, and checks what only a
// browser knows. Called by ci/site.
//
//   node browser-test.mjs FOLDER ADDRESS [SCREENSHOTS]
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readdirSync, readFileSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.cwd(), "node_modules", "x.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [folder, address, screenshots] = process.argv.slice(2);
const PUBLISHED = "59828328f6c1f9771015dc74e4929ae30f518a35a3d2353972c2ea46556fc981";
const pages = readdirSync(folder).filter((name) => name.endsWith(".html"));
const bases = [pathToFileURL(resolve(folder)).href + "/", address.replace(/\/?$/, "/")];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
let failures = 0;
async function check(what, run) {
  try {
    await run();
    console.log(`ok    ${what}`);
  } catch (error) {
    failures += 1;
    console.log(`WRONG ${what}\n${String(error.message).replace(/^/gm, "      ")}`);
  }
}

// A page in a browser that lets no request pass but to this base, and remembers those that it stopped.
async function open(base, name, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.stopped = [];
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && page.complaints.push(message.text()));
  await context.route("**/*", (route) => {
    const url = route.request().url();
    if (url.startsWith(base) || url.startsWith("data:")) return route.continue();
    page.stopped.push(url);
    return route.abort();
  });
  await page.goto(base + name);
  page.done = () => context.close();
  return page;
}

async function violations(page) {
  // Without `preload`, which would fetch the style once more, against the policy of the page.
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"], preload: false }));
  return found.violations.flatMap((violation) =>
    violation.nodes.map((node) => `${violation.id}: ${node.target.join(" ")}\n  ${node.failureSummary}`));
}

for (const base of bases) {
  const from = base.startsWith("file:") ? "file" : "http";
  for (const name of pages) {
    // What a page looks like does not depend on where it came from: one theme shows whether all of it was loaded.
    for (const colorScheme of from === "file" ? ["light", "dark"] : ["light"]) {
      await check(`${from} ${name} ${colorScheme}: no request leaves, nothing is complained of, axe finds nothing`, async () => {
        const page = await open(base, name, { colorScheme });
        assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), colorScheme);
        const lines = await violations(page);
        assert.deepEqual(lines, [], lines.slice(0, 40).join("\n"));
        assert.deepEqual(page.stopped, []);
        assert.deepEqual(page.complaints, []);
        if (screenshots) {
          mkdirSync(screenshots, { recursive: true });
          await page.screenshot({ path: join(screenshots, `${from}-${name}-${colorScheme}.png`) });
        }
        await page.done();
      });
    }
    if (from === "http") continue;
    await check(`${from} ${name}: no sideways scrolling at 360 pixels`, async () => {
      const page = await open(base, name, { viewport: { width: 360, height: 740 } });
      const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      if (screenshots) await page.screenshot({ path: join(screenshots, `${from}-${name}-phone.png`) });
      const wide = await page.evaluate(() =>
        [...document.querySelectorAll("body *")]
          .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
          .slice(0, 8)
          .map((element) => `${element.tagName}.${element.className} ${Math.round(element.getBoundingClientRect().right)}`));
      assert.ok(inner <= outer, `${inner} > ${outer}: ${wide.join(", ")}`);
      await page.done();
    });
  }

  await check(`${from}: the form yields the published signature, and follows edits`, async () => {
    const page = await open(base, "sign.html");
    const signature = () => page.locator("#signature").textContent();
    await page.waitForSelector("#signer:not([hidden])");
    assert.equal(await signature(), PUBLISHED);
    assert.match(await page.locator("#string-to-sign").textContent(), /^xxxxaaaxxxxk1v1k2v2k3v3\{[^]*\}1572574909697xxxappSecretxxx$/);
    await page.uncheck("#reveal");
    assert.match(await page.locator("#string-to-sign").textContent(), /^\*\*\*k1v1[^]*1572574909697\*\*\*$/);
    await page.fill("#body", "");
    assert.equal(await signature(), "9c7e8810c67a4c1642b41acf89c6d8ebdb697d19ba45a6ee9f170dbbc8ad0e0a");
    await page.fill("#query", "a=1&a=2");
    assert.match(await page.locator("#complaint").textContent(), /`a` occurs more than once/);
    assert.equal(await signature(), "");
    assert.equal(await page.getAttribute("#query", "aria-invalid"), "true");
    await page.click("#example");
    await page.waitForFunction((expected) => document.getElementById("signature").textContent === expected, PUBLISHED);
    assert.deepEqual(await violations(page), []);
    assert.deepEqual(page.stopped, []);
    await page.done();
  });

  await check(`${from}: a page about signing may send nothing`, async () => {
    const page = await open(base, "sign.html");
    const refused = await page.evaluate(() => fetch("style.css").then(() => "sent", () => "refused"));
    assert.equal(refused, "refused");
    await page.done();
  });

  await check(`${from}: the keyboard finds the code 24621`, async () => {
    const page = await open(base, "index.html");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.keyboard.press("/");
    await page.keyboard.type("24621");
    await page.waitForSelector("#results a");
    assert.deepEqual(await violations(page), []);
    if (screenshots) await page.screenshot({ path: join(screenshots, `${from}-search.png`) });
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL(/codes\.html#retryTask-24621$/);
    assert.match(await page.locator("[id='retryTask-24621']").textContent(), /24621 Only failed tasks can be retried/);
    await page.done();
  });

  await check(`${from}: the search finds commands and options, and marks what was looked for`, async () => {
    const page = await open(base, "codes.html");
    const first = () => page.locator("#results a").first();
    for (const [words, address] of [
      ["--canary", /^enos-ota-\w+\.html#canary$/],
      ["retryTask", /^(retryTask\.html|codes\.html#retryTask)/],
      ["rate limit", /html/],
      ["proxy", /proxy/],
      ["curl", /html/],
      ["重试", /zh-cn\.html/],
    ]) {
      await page.fill("#search", words);
      await page.waitForSelector("#results a");
      assert.match(await first().getAttribute("href"), address, words);
      const marked = await page.locator("#results mark").first().textContent();
      assert.ok(words.toLowerCase().split(" ").includes(marked.toLowerCase()), `${words}: ${marked}`);
    }
    assert.deepEqual(page.stopped, []);
    await page.done();
  });

  await check(`${from}: an operation opens on its content, with one sample open`, async () => {
    const page = await open(base, "retryTask.html");
    const text = await page.locator("main").innerText();
    assert.match(text, /Only failed tasks can be retried/);
    assert.match(text, /\?action=retryTask/);
    assert.equal(await page.locator("details[name=samples][open]").count(), 1);
    await page.click("summary:has-text('Python')");
    assert.equal(await page.locator("details[name=samples][open] summary").innerText(), "Python");
    if (screenshots) await page.screenshot({ path: join(screenshots, `${from}-operation.png`) });
    await page.done();
  });

  await check(`${from}: code can be copied`, async () => {
    const page = await open(base, "getting-started.html");
    // A page from the disk may have no clipboard.
    const clipboard = await page.evaluate(() => Boolean(navigator.clipboard));
    assert.equal(await page.locator("button.copy").count() > 3, clipboard);
    await page.done();
  });

  await check(`${from}: the theme can be chosen, and is kept`, async () => {
    const page = await open(base, "index.html", { colorScheme: "light" });
    await page.click("#theme");
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    assert.equal(await page.locator("#theme").textContent(), "Theme: dark");
    await page.goto(base + "codes.html");
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    await page.click("#theme");
    assert.equal(await page.locator("#theme").textContent(), "Theme: light");
    await page.click("#theme");
    assert.equal(await page.locator("#theme").textContent(), "Theme: system");
    await page.done();
  });

  await check(`${from}: columns of numbers are aligned to the right`, async () => {
    const page = await open(base, "contributing.html");
    const sides = await page.evaluate(() => [...document.querySelectorAll("td.right")].map((cell) => getComputedStyle(cell).textAlign));
    assert.ok(sides.length > 3 && sides.every((side) => side === "right"), sides.join());
    await page.done();
  });

  await check(`${from}: a heading links to itself`, async () => {
    const page = await open(base, "unknowns.html");
    const link = page.locator("h2 > a.anchor").first();
    await link.focus();
    assert.equal(await link.evaluate((element) => getComputedStyle(element).opacity), "1");
    await page.keyboard.press("Enter");
    assert.match(page.url(), /unknowns\.html#.+/);
    await page.done();
  });
}

await browser.close();
console.log(failures === 0 ? "all passed" : `${failures} failed`);
process.exit(failures === 0 ? 0 : 1);

//! The report page in headless Chromium: no error on the console, no request, every picture, the table, no overflow.
//!
//! Without Chromium the test says that it skipped, and fails if `ZONELIST_STRICT` is set.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use zonelist_report::{page, results::Results};

/// What a copy of the page reports about itself: the page has no script of its own.
const PROBE: &str = r##"<script>
addEventListener("load", () => {
  const shown = svg => { const box = svg.getBoundingClientRect(); return box.width > 0 && box.height > 0 };
  const cells = row => [...row.cells].map(cell => cell.textContent);
  const probe = {
    width: innerWidth,
    scroll: document.documentElement.scrollWidth,
    requests: performance.getEntriesByType("resource").map(entry => entry.name),
    figures: [...document.querySelectorAll("figure")].map(figure => ({
      name: figure.id,
      shown: [...figure.querySelectorAll("svg")].filter(shown).length,
      text: [...figure.querySelectorAll("svg")].filter(shown).map(svg => svg.textContent).join(" "),
      outside: [...figure.querySelectorAll("svg")].filter(shown).flatMap(svg => {
        const all = svg.getBoundingClientRect();
        return [...svg.querySelectorAll("text")].filter(text => {
          const box = text.getBoundingClientRect();
          return box.left < all.left - 1 || box.right > all.right + 1;
        }).map(text => text.textContent);
      }),
    })),
    dark: getComputedStyle(document.querySelector("svg text")).fill,
    head: cells(document.querySelector("#decision thead tr")),
    rows: [...document.querySelectorAll("#decision tbody tr")].map(cells),
  };
  parent.postMessage(JSON.stringify(probe), "*");
});
</script>"##;

/// A page around the copy, since a window is at least 500 pixels wide. It writes down what the copy reports.
fn around(width: u32) -> String {
    format!(
        r##"<!doctype html><meta name="color-scheme" content="light dark"><script>
addEventListener("message", message => {{
  const out = document.createElement("pre");
  out.id = "probe";
  out.textContent = message.data;
  document.body.append(out);
}});
</script><body><iframe src="probe.html" width="{width}" height="900" style="border: 0"></iframe></body>"##
    )
}

/// Chromium, by the names of its program.
fn chromium() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|program| program.is_file())
}

/// Opens a page; returns its final document, and what it wrote to the console.
fn open(program: &Path, page: &Path, width: u32, theme: &str) -> (String, Vec<String>) {
    let profile = tempfile::tempdir().unwrap();
    let mut browser = Command::new(program);
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--dump-dom"]);
    browser.args(["--enable-logging=stderr", "--virtual-time-budget=10000"]);
    browser.arg(format!("--blink-settings=preferredColorScheme={}", u8::from(theme == "light")));
    browser.arg(format!("--user-data-dir={}", profile.path().display()));
    browser.arg(format!("--window-size={width},900")).arg(format!("file://{}", page.display()));
    let output = browser.output().unwrap();
    let [document, log] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{log}");
    (document, log.lines().filter(|line| line.contains("CONSOLE")).map(String::from).collect())
}

/// Opens a copy of the page, and returns what it reports about itself.
fn probed(program: &Path, folder: &Path, width: u32, theme: &str) -> Value {
    let copy = folder.join("probe.html");
    let page = fs::read_to_string(folder.join("index.html")).unwrap();
    fs::write(&copy, page.replace("</body>", &format!("{PROBE}</body>"))).unwrap();
    let outer = folder.join("around.html");
    fs::write(&outer, around(width)).unwrap();
    let (document, console) = open(program, &outer, width + 100, theme);
    assert!(console.is_empty(), "{console:?}");
    let text = document.split_once("<pre id=\"probe\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let text = text.expect("the copy reports about itself").0;
    let text = text.replace("&nbsp;", "\u{a0}");
    serde_json::from_str(&text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).unwrap()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn the_page_is_complete_in_a_browser() {
    let Some(program) = chromium() else {
        assert!(env::var_os("ZONELIST_STRICT").is_none(), "no Chromium; expected one in PATH");
        eprintln!("skipped: no Chromium in PATH");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let results = Results::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixture.json"))).unwrap();
    let index = page::write(&results, folder).unwrap();

    // Nothing refers to the network; the only address is the name of the XML namespace.
    let html = fs::read_to_string(&index).unwrap();
    let addresses = html.matches("http://").count() + html.matches("https://").count();
    assert_eq!(addresses, html.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    assert!(!html.contains("<script"), "the page needs no script");
    let (_, console) = open(&program, &index, 1400, "light");
    assert!(console.is_empty(), "{console:?}");
    // An error on the console would be seen.
    let faulty = folder.join("faulty.html");
    fs::write(&faulty, "<script>console.error('fault')</script>").unwrap();
    assert_eq!(open(&program, &faulty, 1400, "light").1.len(), 1);

    let decision: Value = serde_json::from_slice(&fs::read(folder.join("decision.json")).unwrap()).unwrap();
    let mut inks = Vec::new();
    for (width, theme) in [(390, "light"), (390, "dark"), (1400, "light"), (1400, "dark")] {
        let probe = probed(&program, folder, width, theme);
        assert_eq!(probe["width"], width, "the window has the width of the test");
        assert!(probe["scroll"].as_u64() <= Some(width.into()), "the page is {} wide at {width}", probe["scroll"]);
        assert_eq!(strings(&probe["requests"]), Vec::<&str>::new());
        assert_eq!((&probe["head"], &probe["rows"]), (&decision["head"], &decision["rows"]));
        for (scheme, row) in results.compare.schemes.iter().zip(probe["rows"].as_array().unwrap()) {
            let cells = strings(row);
            let shown: f64 = cells[1].split('\u{a0}').next().unwrap().parse().unwrap();
            assert!(cells[0] == scheme.scheme && (shown - scheme.first_zone.ratio).abs() <= 0.051, "{cells:?}");
        }
        let figures = probe["figures"].as_array().unwrap();
        let names: Vec<_> = figures.iter().map(|figure| figure["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["cost-against-consistency", "reads-at-1000", "reads-unpaced", "publishes", "stalls"]);
        for figure in figures {
            let name = figure["name"].as_str().unwrap();
            assert_eq!(figure["shown"], 1, "{name} at {width}");
            assert_eq!(strings(&figure["outside"]), Vec::<&str>::new(), "text outside of {name} at {width}");
            let text = figure["text"].as_str().unwrap();
            assert!(results.compare.schemes.iter().all(|scheme| text.contains(&scheme.scheme)), "{name}: {text}");
            assert!(folder.join(format!("{name}.json")).is_file(), "the data of {name}");
        }
        inks.push(probe["dark"].clone());
    }
    assert!(inks[0] == inks[2] && inks[1] == inks[3] && inks[0] != inks[1], "text of pictures by theme: {inks:?}");
}

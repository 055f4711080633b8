//! The picture of the screen, as text in SVG.

use std::{env, fmt::Write, fs, path::Path};

/// The zone whose paragraph of `zoneinfo` the picture has.
const SHOWN: &str = "Node 1, zone  Movable";

/// The lines of the picture: all that was printed, with the `zoneinfo` of one zone only.
fn lines(printed: &str) -> Vec<String> {
    let (mut lines, mut hidden) = (Vec::new(), 0);
    let mut is_shown = true;
    for line in printed.lines() {
        let is_head = line.starts_with("Node ") && line.split_whitespace().count() == 4;
        is_shown =
            if line.starts_with(' ') && !line.starts_with("  with") { is_shown } else { !is_head || line == SHOWN };
        hidden += usize::from(is_head && !is_shown);
        if is_shown {
            if hidden > 0 && is_head {
                lines.push(format!("... {hidden} zones left out ..."));
            }
            lines.push(line.trim_end().to_owned());
        }
    }
    lines
}

/// The picture of what was printed.
fn picture(printed: &str) -> String {
    let lines = lines(printed);
    let (width, height) = (lines.iter().map(String::len).max().unwrap_or(0) * 8 + 32, lines.len() * 17 + 32);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} \
         {height}\">\n<title>The serial port of the example kernel</title>\n<rect width=\"{width}\" \
         height=\"{height}\" rx=\"8\" fill=\"#16181d\"/>\n<g font-family=\"monospace\" font-size=\"13\" \
         fill=\"#d5d8de\" xml:space=\"preserve\">\n"
    );
    for (index, line) in lines.iter().enumerate() {
        let text = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        // A fixed length, so that columns are aligned in any monospaced font.
        let length = if line.is_empty() { 1 } else { line.len() * 8 };
        let y = index * 17 + 29;
        let _ = writeln!(svg, "<text x=\"16\" y=\"{y}\" textLength=\"{length}\">{text}</text>");
    }
    svg + "</g>\n</svg>\n"
}

/// A text without its numbers, and with single spaces: equal for any two runs.
fn without_numbers(text: &str) -> String {
    let zeros: String = text.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect();
    let words = zeros.split_whitespace().map(|word| {
        let mut word = word.to_owned();
        while word.contains("00") {
            word = word.replace("00", "0");
        }
        word
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Compares the picture with the committed one, except for numbers; or rewrites that.
pub(crate) fn check(printed: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("screen.svg");
    let picture = picture(printed);
    let fails = |error| format!("{}: {error}", path.display());
    if env::var_os("ZONELIST_BLESS").is_some() {
        return fs::write(&path, picture).map_err(fails);
    }
    let committed = fs::read_to_string(&path).map_err(fails)?;
    if without_numbers(&committed) == without_numbers(&picture) {
        return Ok(());
    }
    Err(format!("{} is another screen; ZONELIST_BLESS=1 rewrites it", path.display()))
}

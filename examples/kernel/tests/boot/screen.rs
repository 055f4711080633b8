//! What the kernel is to print, line by line.

/// A part of a line: text, or `None` for a number that is different in each run.
fn numbers(line: &str, pattern: &str) -> Option<Vec<u64>> {
    let (mut rest, mut found) = (line.trim_end(), Vec::new());
    for (index, text) in pattern.split('#').enumerate() {
        if index > 0 {
            rest = rest.trim_start();
            let end = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
            found.push(rest[..end].parse().ok()?);
            rest = &rest[end..];
        }
        rest = rest.strip_prefix(text)?;
    }
    rest.is_empty().then_some(found)
}

/// The lines that are left, and their numbers.
struct Lines<'t>(std::iter::Enumerate<std::str::Lines<'t>>);

impl Lines<'_> {
    /// The numbers of the next line, which must be of this pattern: `#` stands for a number.
    fn next(&mut self, pattern: &str) -> Result<Vec<u64>, String> {
        let (index, line) = self.0.next().ok_or_else(|| format!("the end; expected {pattern:?}"))?;
        numbers(line, pattern).ok_or_else(|| format!("line {}: {line:?}; expected {pattern:?}", index + 1))
    }

    /// The free frames of each zone, in a table like `/proc/buddyinfo`.
    fn buddyinfo(&mut self) -> Result<Vec<u64>, String> {
        let of_zone = |(node, kind): (u16, &str)| {
            let blocks = self.next(&format!("Node {node}, zone {kind:>8} {}", ["#"; 11].join(" ")))?;
            Ok(blocks.iter().enumerate().map(|(order, count)| count << order).sum())
        };
        ZONES.map(of_zone).into_iter().collect()
    }

    /// The free frames of each zone, in a table like `/proc/zoneinfo`, in which no frame is missing.
    fn zoneinfo(&mut self) -> Result<Vec<u64>, String> {
        let of_zone = |(node, kind): (u16, &str)| {
            self.next(&format!("Node {node}, zone {kind:>8}"))?;
            let mut number = |pattern: &str| Ok::<_, String>(self.next(pattern)?[0]);
            let free = number("  pages free     #")?;
            let (min, low, high) =
                (number("        min      #")?, number("        low      #")?, number("        high     #")?);
            let (spanned, managed) = (number("        spanned  #")?, number("        managed  #")?);
            number("        protection: (#, #, #, #, #, #)")?;
            let cached = number("      cached       #")?;
            for name in ["hits", "misses", "fallbacks", "failures"] {
                number(&format!("      {name:<12} #"))?;
            }
            let misdirected = number("      misdirected  #")?;
            number("  start_pfn:           #")?;
            let is_ordered = min <= low && low <= high && managed <= spanned;
            let is_whole = free == managed && cached == 0 && misdirected == 0;
            (is_ordered && is_whole).then_some(free).ok_or_else(|| format!("frames of {node}/{kind} are missing"))
        };
        ZONES.map(of_zone).into_iter().collect()
    }
}

/// The zones of two nodes.
const ZONES: [(u16, &str); 6] = [(0, "DMA"), (0, "Normal"), (0, "Movable"), (1, "DMA"), (1, "Normal"), (1, "Movable")];

/// Checks what was printed. Returns a summary.
pub(crate) fn check(printed: &str, scheme: &str, cpus: usize) -> Result<String, String> {
    let mut lines = Lines(printed.lines().enumerate());
    lines.next(&format!("zonelist on {cpus} CPUs, lists published by {scheme}"))?;
    let homes = if cpus == 1 { ["[0]", "[]"] } else { ["[0, 1]", "[2, 3]"] };
    lines.next(&format!("node 0: 255 MiB, CPUs {}, distances [10, 21]", homes[0]))?;
    lines.next(&format!("node 1: 255 MiB, CPUs {}, distances [21, 10]", homes[1]))?;
    let free = lines.next("# frames are free:")?[0];
    let at_first = lines.buddyinfo()?;
    lines.next("DMA: 8 blocks of 8 frames below 16 MiB")?;
    lines.next("contiguous: 1500 frames of 0/Normal at a multiple of 512")?;
    lines.next("contiguous: 1500 frames of 1/Normal at a multiple of 512")?;
    lines.next("block 2 of node 1 is offline: 0 frames are left in 1/Movable")?;
    lines.next("1000 of 1000 movable pages are elsewhere, with their contents")?;
    lines.next("block 2 of node 1 is online in 1/Movable: the next movable page is of it")?;
    let (mut interrupts, mut nested, mut blocks, mut deepest) = (0, 0, 0, 0);
    for cpu in 0..cpus {
        let pattern = "# blocks; # interrupts, # of them within an allocation or a free,";
        let counts = lines.next(&format!("CPU {cpu}: {pattern}"))?;
        let pattern = "  with # blocks, # requests refused, # frees put off, # bytes of stack";
        let by_interrupts = lines.next(pattern)?;
        if counts[0] == 0 || by_interrupts[0] == 0 || by_interrupts[0] > counts[1] {
            return Err(format!("CPU {cpu} or its interrupts allocate nothing, or one interrupt allocates two blocks"));
        }
        (interrupts, nested, blocks) = (interrupts + counts[1], nested + counts[2], blocks + by_interrupts[0]);
        deepest = deepest.max(by_interrupts[3]);
    }
    if nested == 0 || deepest > 8192 {
        return Err("no interrupt came within an allocation, or one has used more than half of its stack".into());
    }
    let (zoneinfo, buddyinfo) = (lines.zoneinfo()?, lines.buddyinfo()?);
    if zoneinfo != at_first || buddyinfo != at_first || at_first.iter().sum::<u64>() != free {
        return Err(format!("free frames: {at_first:?} at first, and {zoneinfo:?} and {buddyinfo:?} at last"));
    }
    lines.next(&format!("all {free} frames are free again, and none had two owners"))?;
    match lines.0.next() {
        Some((_, line)) => Err(format!("{line:?} after the end")),
        None => Ok(format!(
            "{interrupts} interrupts allocated {blocks} blocks, {nested} of them within an allocation or a free; all \
             {free} frames came back"
        )),
    }
}

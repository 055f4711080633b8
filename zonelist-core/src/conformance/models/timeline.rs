//! A timeline: one interleaving as a table, with a column for each thread and a line for each step.

use std::{
    collections::BTreeMap,
    env, format, fs,
    path::{Path, PathBuf},
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::names::words_for;
use crate::{
    Zoneref,
    sync::traced::{Event, Log, SourceLocation, Step, Value},
};

/// The steps of an execution, and their verdict.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// The name of the model.
    pub model: String,
    /// The names of the actors: threads, and interrupt handlers with their thread.
    pub actors: Vec<String>,
    /// Describes the result.
    pub verdict: String,
    events: Vec<Event>,
    born: Vec<SourceLocation>,
}

impl Timeline {
    /// The steps of this execution so far, or up to step `until`.
    #[must_use]
    pub fn so_far(verdict: &str, until: Option<usize>) -> Self {
        Log::read(|log| {
            let events = log.events[..until.unwrap_or(log.events.len())].to_vec();
            let (model, number) = &log.model;
            let verdict = format!("{verdict} (interleaving {number})");
            Self { model: model.clone(), actors: log.actors.clone(), verdict, events, born: log.born.clone() }
        })
    }

    /// Replaces `kept` by the steps of this execution, if they are easier to read. True if it does.
    pub(super) fn keep_shortest(kept: &mut Option<Self>, verdict: &str, until: Option<usize>) -> bool {
        let cost = Log::read(|log| cost(&log.events[..until.unwrap_or(log.events.len())]));
        let is_shorter = kept.as_ref().is_none_or(|kept| cost < self::cost(&kept.events));
        if is_shorter {
            *kept = Some(Self::so_far(verdict, until));
        }
        is_shorter
    }

    /// True if a step is the begin of a wait for a lock.
    pub(super) fn has_wait_for_lock(&self) -> bool {
        self.events.iter().any(|event| matches!(event.step, Step::Did { what: "is waited for", .. }))
    }

    /// True if an atomic has the word of a zoneref, as in a table of slots.
    pub(super) fn has_slots(&self) -> bool {
        self.events
            .iter()
            .any(|event| matches!(event.step, Step::Load { value, .. } | Step::Store { value, .. } if is_zone(value)))
    }

    /// The place where the last publish stored the end of its list, if that store came before those of the zones.
    pub(super) fn end_stored_first(&self) -> Option<SourceLocation> {
        let slots: Vec<SourceLocation> = self
            .events
            .iter()
            .filter_map(|event| match event.step {
                Step::Load { object, value, .. } | Step::Store { object, value } if is_zone(value) => {
                    self.born.get(object).copied()
                }
                _ => None,
            })
            .collect();
        let begins = |step: &Step| matches!(step, Step::Said(what) if what.starts_with("publishes"));
        let publisher = self.events.iter().rev().find(|event| begins(&event.step))?.actor;
        let publish =
            self.events.iter().skip_while(|event| !begins(&event.step)).filter(|event| event.actor == publisher);
        let mut stores = publish.filter_map(|event| match event.step {
            Step::Store { object, value } if slots.contains(self.born.get(object)?) => Some((value, event.place)),
            _ => None,
        });
        stores.next().filter(|(value, _)| *value == 0).map(|(_, place)| place)
    }

    /// Writes the timeline into the folder of timelines, and returns the path of the file.
    ///
    /// # Errors
    /// If the folder or the file can't be written.
    pub fn write(&self, what: &str) -> std::io::Result<PathBuf> {
        let plain = |text: &str| {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
            words.collect::<Vec<_>>().join("-").to_lowercase()
        };
        let folder = folder();
        fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{}--{}.txt", plain(&self.model), plain(what)));
        fs::write(&file, self.to_string())?;
        Ok(file)
    }
}

/// How hard steps are to read: the number of changes from one actor to another, then the number of steps.
fn cost(events: &[Event]) -> (usize, usize) {
    let switches = events.windows(2).filter(|pair| pair[0].actor != pair[1].actor).count();
    (switches, events.len())
}

/// The folder of timelines: beside the build folder of cargo, or that of the variable `ZONELIST_TIMELINES`.
fn folder() -> PathBuf {
    let built = || {
        let exe = env::current_exe().unwrap_or_default();
        exe.ancestors().nth(2).unwrap_or(Path::new(".")).join("timelines")
    };
    env::var_os("ZONELIST_TIMELINES").map_or_else(built, PathBuf::from)
}

impl core::fmt::Display for Timeline {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let names = Names::of(&self.born);
        let mut seen = Pointers::default();
        let steps: Vec<(usize, String)> =
            self.events.iter().map(|event| (event.actor, names.describe(event, &mut seen))).collect();
        let width = |actor: usize| {
            let widths = steps.iter().filter(|(by, _)| *by == actor).map(|(_, what)| what.chars().count());
            widths.chain([self.actor(actor).chars().count()]).max().unwrap_or(0)
        };
        let columns = steps.iter().map(|(actor, _)| actor + 1).max().unwrap_or(0).max(self.actors.len());
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |number: &str, cells: &[&str]| {
            let cells = cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
            format!("{number:>4}  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_string()
        };
        writeln!(f, "{}\n{}\n", self.model, self.verdict)?;
        let heads: Vec<String> = (0..columns).map(|actor| self.actor(actor)).collect();
        writeln!(f, "{}", line("", &heads.iter().map(String::as_str).collect::<Vec<_>>()))?;
        let rules: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
        writeln!(f, "{}", line("", &rules.iter().map(String::as_str).collect::<Vec<_>>()))?;
        for (number, (actor, what)) in (1..).zip(&steps) {
            let mut cells = vec![""; columns];
            cells[*actor] = what;
            writeln!(f, "{}", line(&number.to_string(), &cells))?;
        }
        Ok(())
    }
}

impl Timeline {
    /// The name of an actor, or its number if it has none.
    fn actor(&self, number: usize) -> String {
        self.actors.get(number).cloned().unwrap_or_else(|| format!("thread {number}"))
    }
}

/// Numbers pointers in the sequence in which they appear, since addresses differ from run to run.
#[derive(Default)]
struct Pointers(Vec<Value>);

impl Pointers {
    fn name(&mut self, pointer: Value) -> String {
        let known = self.0.iter().position(|&known| known == pointer);
        let number = known.unwrap_or_else(|| {
            self.0.push(pointer);
            self.0.len() - 1
        });
        format!("@{}", number + 1)
    }
}

/// The names of objects. An object whose name begins with `slot` or `zone` holds zonerefs.
struct Names(Vec<String>);

impl Names {
    /// Names each object after the field that it is made for, or after the type whose `new` makes it. Objects of the
    /// same name get numbers.
    fn of(born: &[SourceLocation]) -> Self {
        let words = words_for(born);
        let mut all: BTreeMap<&str, usize> = BTreeMap::new();
        words.iter().for_each(|word| *all.entry(word).or_default() += 1);
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut named = Vec::new();
        for word in &words {
            let number = numbers.entry(word).or_default();
            named.push(if all[word.as_str()] > 1 { format!("{word} {number}") } else { word.clone() });
            *number += 1;
        }
        Self(named)
    }

    /// Describes an event.
    fn describe(&self, event: &Event, seen: &mut Pointers) -> String {
        let name = |object: usize| self.0.get(object).map_or("?", String::as_str);
        let mut value = |object: usize, value: Value| match name(object) {
            slot if ["slot", "zone"].iter().any(|zonerefs| slot.starts_with(zonerefs)) => zone(value),
            _ if value > 0xffff_ffff => seen.name(value),
            // No counter of a model reaches a word that is a zoneref, so such a word is shown as a zone.
            _ => u32::try_from(value)
                .ok()
                .and_then(Zoneref::from_word)
                .map_or_else(|| value.to_string(), |entry| entry.zone().to_string()),
        };
        match &event.step {
            Step::Load { object, value: read, newest } if read == newest => {
                format!("{} is {}", name(*object), value(*object, *read))
            }
            Step::Load { object, value: read, newest } => {
                let (old, new) = (value(*object, *read), value(*object, *newest));
                format!("{} is {old} (an old value: {new} is there)", name(*object))
            }
            Step::Store { object, value: written } => format!("{} := {}", name(*object), value(*object, *written)),
            Step::ReadModifyWrite { object, before, after } if before == after => {
                format!("{} is {}", name(*object), value(*object, *before))
            }
            Step::ReadModifyWrite { object, before, after } => {
                format!("{} is {}, := {}", name(*object), value(*object, *before), value(*object, *after))
            }
            Step::Fence { ordering } => format!("fence {ordering:?}"),
            Step::Did { object, what } => format!("{} {what}", name(*object)),
            Step::Version { at, what } => format!("{} {what}", seen.name(*at)),
            Step::Said(what) => format!("-- {what}"),
        }
    }
}

/// True if a word is a zoneref.
fn is_zone(word: Value) -> bool {
    u32::try_from(word).ok().and_then(Zoneref::from_word).is_some()
}

/// The zone of a slot's word.
fn zone(word: Value) -> String {
    let entry = u32::try_from(word).ok().and_then(Zoneref::in_slot);
    entry.map_or_else(|| "empty".to_string(), |entry| entry.zone().to_string())
}

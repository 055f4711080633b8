//! One interleaving as a person reads it: a column for each actor, a line for each step, from the top.

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
    sync::traced::{Event, Log, Place, Step, Value},
};

/// Some steps of an execution, and what came of them.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// What the model is called.
    pub model: String,
    /// Who the actors are.
    pub actors: Vec<String>,
    /// What was found, in words.
    pub verdict: String,
    events: Vec<Event>,
    born: Vec<Place>,
}

impl Timeline {
    /// What has happened in this execution, up to a step if not to the end.
    #[must_use]
    pub fn so_far(verdict: &str, until: Option<usize>) -> Self {
        Log::read(|log| {
            let events = log.events[..until.unwrap_or(log.events.len())].to_vec();
            let (model, number) = &log.model;
            let verdict = format!("{verdict} (interleaving {number})");
            Self { model: model.clone(), actors: log.actors.clone(), verdict, events, born: log.born.clone() }
        })
    }

    /// Keeps what has happened in this execution, if it is easier to read than what is kept.
    /// Says whether it does.
    pub(super) fn keep_shortest(kept: &mut Option<Self>, verdict: &str, until: Option<usize>) -> bool {
        let cost = Log::read(|log| cost(&log.events[..until.unwrap_or(log.events.len())]));
        let is_shorter = kept.as_ref().is_none_or(|kept| cost < self::cost(&kept.events));
        if is_shorter {
            *kept = Some(Self::so_far(verdict, until));
        }
        is_shorter
    }

    /// Where a publish that a walk met stored the end of its list, if that came before its zones.
    pub(super) fn end_stored_first(&self) -> Option<Place> {
        let is_zone = |word: Value| u32::try_from(word).ok().and_then(Zoneref::from_word).is_some();
        let slots: Vec<Place> = self
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

    /// Writes it into the folder of timelines, and says where it is.
    ///
    /// # Errors
    /// The file system's.
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

/// How hard steps are to read: how often it goes from one actor to another, and how many they are.
fn cost(events: &[Event]) -> (usize, usize) {
    let switches = events.windows(2).filter(|pair| pair[0].actor != pair[1].actor).count();
    (switches, events.len())
}

/// Where timelines go: beside what cargo has built, or where `ZONELIST_TIMELINES` says.
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
        let told: Vec<(usize, String)> =
            self.events.iter().map(|event| (event.actor, names.tell(event, &mut seen))).collect();
        let width = |actor: usize| {
            let widths = told.iter().filter(|(by, _)| *by == actor).map(|(_, what)| what.chars().count());
            widths.chain([self.actor(actor).chars().count()]).max().unwrap_or(0)
        };
        let columns = told.iter().map(|(actor, _)| actor + 1).max().unwrap_or(0).max(self.actors.len());
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
        for (number, (actor, what)) in (1..).zip(&told) {
            let mut cells = vec![""; columns];
            cells[*actor] = what;
            writeln!(f, "{}", line(&number.to_string(), &cells))?;
        }
        Ok(())
    }
}

impl Timeline {
    fn actor(&self, number: usize) -> String {
        self.actors.get(number).cloned().unwrap_or_else(|| format!("thread {number}"))
    }
}

/// Pointers by the order in which they turn up: their addresses differ from run to run.
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

/// What objects are called. Those called slot or zone hold zonerefs.
struct Names(Vec<String>);

impl Names {
    /// An object is called as the source calls it: by the field that it is made for, or by the type whose
    /// `new` makes it, with a number if there are several.
    fn of(born: &[Place]) -> Self {
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

    /// What an event is in words.
    fn tell(&self, event: &Event, seen: &mut Pointers) -> String {
        let name = |object: usize| self.0.get(object).map_or("?", String::as_str);
        let mut value = |object: usize, value: Value| match name(object) {
            slot if ["slot", "zone"].iter().any(|zonerefs| slot.starts_with(zonerefs)) => zone(value),
            _ if value > 0xffff_ffff => seen.name(value),
            // No number that a counter comes to in a model.
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
            Step::Exchange { object, before, after } if before == after => {
                format!("{} is {}", name(*object), value(*object, *before))
            }
            Step::Exchange { object, before, after } => {
                format!("{} is {}, := {}", name(*object), value(*object, *before), value(*object, *after))
            }
            Step::Fence { ordering } => format!("fence {ordering:?}"),
            Step::Did { object, what } => format!("{} {what}", name(*object)),
            Step::Version { at, what } => format!("{} {what}", seen.name(*at)),
            Step::Said(what) => format!("-- {what}"),
        }
    }
}

/// A slot's word as a zone.
fn zone(word: Value) -> String {
    let entry = u32::try_from(word).ok().and_then(Zoneref::in_slot);
    entry.map_or_else(|| "empty".to_string(), |entry| entry.zone().to_string())
}

//! Names of a model's objects in timelines, taken from the source line that makes each object.

use std::{
    collections::BTreeMap,
    format,
    path::Path,
    string::{String, ToString},
    vec::Vec,
};

use crate::sync::traced::{SourceLocation, source};

/// The names of the objects that are made at these places, in the sequence in which they are made.
pub(super) fn words_for(born: &[SourceLocation]) -> Vec<String> {
    let mut made: BTreeMap<SourceLocation, usize> = BTreeMap::new();
    let word = |&place: &SourceLocation| {
        let number = made.entry(place).or_default();
        *number += 1;
        word_for(place, *number - 1)
    };
    born.iter().map(word).collect()
}

/// The name of an object that is made at a place: its field, its variable, or the type in whose `impl` it is made.
///
/// A derived `Default` makes all fields at one place: `number` selects the field.
fn word_for(place: SourceLocation, number: usize) -> String {
    let named = source(place.file()).and_then(|(_, text)| {
        let lines: Vec<&str> = text.lines().take(place.line() as usize).collect();
        let before = lines.last()?.get(..place.column() as usize - 1)?;
        if before.trim_start().starts_with("#[derive(") {
            return derived(text.lines().skip(place.line() as usize), number);
        }
        if let Some(name) = field(before).or_else(|| variable(before)) {
            return Some(name.to_string());
        }
        // Neither: the nearest `impl` or `struct` before the place.
        let made_by = lines.iter().rev().find_map(|line| {
            let line = line.trim();
            line.strip_prefix("impl")
                .or_else(|| line.strip_prefix("pub struct "))
                .or_else(|| line.strip_prefix("struct "))
        })?;
        let made_by = made_by.rsplit_once(" for ").map_or(made_by, |(_, made)| made);
        let made = made_by.rsplit('>').find(|part| part.chars().any(char::is_alphabetic)).unwrap_or(made_by);
        Some(made.trim().split(|c| !is_part_of_a_name(c)).next()?.to_lowercase())
    });
    let file = || Path::new(place.file()).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("{}:{}", file(), place.line()))
}

fn is_part_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The last field of a line that is still open at its end, as in `Self { slots: from_fn(|_| `.
fn field(before: &str) -> Option<&str> {
    let colon = before.rmatch_indices(':').map(|(at, _)| at).find(|&at| {
        let path = before[at + 1..].starts_with(':') || before[..at].ends_with(':');
        !path && before[..at].ends_with(is_part_of_a_name)
    })?;
    let mut depth = 0;
    let is_open = before[colon..].chars().all(|c| {
        depth += i32::from("([{".contains(c)) - i32::from(")]}".contains(c));
        depth >= 0
    });
    let start = before[..colon].rfind(|c| !is_part_of_a_name(c)).map_or(0, |at| at + 1);
    is_open.then(|| &before[start..colon])
}

/// The variable that a line defines, as in `let head = `.
fn variable(before: &str) -> Option<&str> {
    let (_, name) = before.rsplit_once("let ")?;
    let name = name.trim_start_matches("mut ");
    let end = name.find(|c| !is_part_of_a_name(c)).unwrap_or(name.len());
    (end > 0).then(|| &name[..end])
}

/// The field with this number, of the fields that loom sees, in the struct that begins with these lines. Numbers beyond
/// the last field begin again with the first.
fn derived<'l>(mut lines: impl Iterator<Item = &'l str>, number: usize) -> Option<String> {
    const SEEN: [&str; 4] = ["Atomic", "Mutex", "RwLock", "UnsafeCell"];
    let head = lines.find(|line| line.contains("struct "))?;
    let (_, name) = head.split_once("struct ")?;
    let name = name.split(|c| !is_part_of_a_name(c)).next()?.to_lowercase();
    let fields = lines.take_while(|line| head.ends_with('{') && !line.starts_with('}'));
    let fields = fields.filter_map(|line| line.trim().trim_start_matches("pub ").split_once(": "));
    let fields: Vec<&str> =
        fields.filter(|(_, kind)| SEEN.iter().any(|seen| kind.contains(seen))).map(|(field, _)| field).collect();
    let field = number.checked_rem(fields.len()).map(|number| fields[number].to_string());
    Some(field.unwrap_or(name))
}

//! Spells the words of all sources and documents, with the dictionary of misspellings of the program `typos`.
//!
//! Exits with 1 if a word is misspelt. A word that is right here and wrong there goes into [`RIGHT`].

use std::{borrow::Cow, fs, path::Path, process::ExitCode};

use typos::{
    Dictionary, Status,
    tokens::{Case, Identifier, Tokenizer, TokenizerBuilder, Word},
};

/// Words that the dictionary takes for misspellings of others.
const RIGHT: &[&str] = &["ba", "thr", "ths", "tru"];

/// Folders and files that are not written by hand.
const SKIPPED: [&str; 5] = ["target", ".git", "goldens", "built-in", "Cargo.lock"];

struct Misspellings;

impl Dictionary for Misspellings {
    fn correct_ident<'s>(&'s self, _: Identifier<'_>) -> Option<Status<'s>> {
        None
    }

    fn correct_word<'s>(&'s self, word: Word<'_>) -> Option<Status<'s>> {
        if word.case() == Case::None || RIGHT.contains(&&*word.token().to_lowercase()) {
            return None;
        }
        let corrections = typos_dict::WORD.find(&word.token().to_lowercase().as_str().into())?;
        Some(Status::Corrections(corrections.iter().map(|&right| Cow::Borrowed(right)).collect()))
    }
}

fn main() -> ExitCode {
    let tokenizer = TokenizerBuilder::new().build();
    // Without its dictionary the check would find nothing, and pass.
    assert_eq!(typos::check_str(concat!("reci", "eve"), &tokenizer, &Misspellings).count(), 1, "no dictionary");
    let mut misspelt = Vec::new();
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let files = check(root, root, &tokenizer, &mut misspelt);
    misspelt.iter().for_each(|line| println!("{line}"));
    println!("{} words misspelt in {files} files", misspelt.len());
    // A check of nothing is no check.
    if misspelt.is_empty() && files > 300 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Checks the files of a folder, and returns how many there are.
fn check(root: &Path, folder: &Path, tokenizer: &Tokenizer, misspelt: &mut Vec<String>) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if SKIPPED.contains(&&*entry.file_name().to_string_lossy()) {
            continue;
        }
        if path.is_dir() {
            files += check(root, &path, tokenizer, misspelt);
            continue;
        }
        // Other files are no text.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        files += 1;
        for (number, line) in text.lines().enumerate() {
            for typo in typos::check_str(line, tokenizer, &Misspellings) {
                let place = path.strip_prefix(root).unwrap_or(&path).display();
                misspelt.push(format!("{place}:{}: {:?}: {:?}", number + 1, typo.typo, typo.corrections));
            }
        }
    }
    files
}

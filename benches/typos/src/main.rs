//! Checks the spelling of all sources and documents, with the dictionary of misspellings of the program `typos`.
//!
//! Exits with 1 if a word is misspelt. [`RIGHT`] lists words that are correct here.

use std::{borrow::Cow, fs, process::ExitCode};

use typos::{
    Dictionary, Status,
    tokens::{Case, Identifier, TokenizerBuilder, Word},
};
use zonelist_verify::{files_below, workspace};

/// Correct words that the dictionary has as misspellings, names of recorded machines among them.
const RIGHT: &[&str] = &["ba", "bui", "nto", "thr", "ths", "tru"];

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
    let (mut misspelt, mut files) = (Vec::new(), 0);
    for file in files_below(workspace()).iter().filter(|file| !file.ends_with("Cargo.lock")) {
        // A file that is not UTF-8 is not text.
        let Ok(text) = fs::read_to_string(file) else { continue };
        files += 1;
        for (number, line) in text.lines().enumerate() {
            for typo in typos::check_str(line, &tokenizer, &Misspellings) {
                let place = file.strip_prefix(workspace()).unwrap_or(file).display();
                misspelt.push(format!("{place}:{}: {:?}: {:?}", number + 1, typo.typo, typo.corrections));
            }
        }
    }
    misspelt.iter().for_each(|line| println!("{line}"));
    println!("{} words misspelt in {files} files", misspelt.len());
    // Fewer files would mean that the search for files is broken.
    if misspelt.is_empty() && files > 300 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

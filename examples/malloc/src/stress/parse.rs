//! A parser: reads every C source below a folder into trees, as a program that lives by its malloc does.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// How often all files are parsed.
const TIMES: usize = 3;

/// A word, or what is between two brackets.
enum Tree {
    Word(String),
    Group(Vec<Tree>),
}

pub(crate) fn run(path: &Path) -> Result<String, String> {
    let mut files = Vec::new();
    find(path, &mut files).map_err(|error| format!("{}: {error}", path.display()))?;
    files.sort();
    let mut line = String::new();
    for _ in 0..TIMES {
        let (mut words, mut trees) = (BTreeMap::new(), Vec::new());
        for file in &files {
            let text = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
            let tree = parse(&mut tokens(&String::from_utf8_lossy(&text)).into_iter());
            count(&tree, &mut words);
            trees.push(tree);
        }
        let total: usize = words.values().sum();
        line = format!("{} files, {total} words, {} different", trees.len(), words.len());
    }
    Ok(line)
}

/// The sources below a folder.
fn find(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "c" || extension == "h") {
            files.push(path);
        }
    }
    Ok(())
}

/// The words and brackets of a text.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    for letter in text.chars() {
        if letter.is_alphanumeric() || letter == '_' {
            word.push(letter);
            continue;
        }
        if !word.is_empty() {
            tokens.push(std::mem::take(&mut word));
        }
        if !letter.is_whitespace() {
            tokens.push(letter.to_string());
        }
    }
    tokens
}

/// The trees up to the bracket that closes the group. Brackets in comments and strings count, so some do not match.
fn parse(tokens: &mut impl Iterator<Item = String>) -> Vec<Tree> {
    let mut trees = Vec::new();
    let mut open = Vec::new();
    for token in tokens {
        match token.as_str() {
            "(" | "[" | "{" => open.push(std::mem::take(&mut trees)),
            ")" | "]" | "}" => {
                let mut outer = open.pop().unwrap_or_default();
                outer.push(Tree::Group(trees));
                trees = outer;
            }
            _ => trees.push(Tree::Word(token)),
        }
    }
    while let Some(mut outer) = open.pop() {
        outer.push(Tree::Group(trees));
        trees = outer;
    }
    trees
}

/// Counts the words of trees.
fn count(trees: &[Tree], words: &mut BTreeMap<String, usize>) {
    for tree in trees {
        match tree {
            Tree::Word(word) => *words.entry(word.clone()).or_default() += 1,
            Tree::Group(group) => count(group, words),
        }
    }
}

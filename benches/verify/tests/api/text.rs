//! Items as text, on one line, with the usual spaces.

use quote::ToTokens;
use syn::Attribute;

/// Attributes that a user of an item notices.
const NOTICED: [&str; 5] = ["cfg", "derive", "must_use", "non_exhaustive", "repr"];

/// Spaces between tokens, and what to write instead, in this sequence.
const SPACES: [(&str, &str); 21] = [
    (" :: ", "::"),
    (" <", "<"),
    ("< ", "<"),
    (" >", ">"),
    ("->", " ->"),
    ("& ", "&"),
    ("# [", "#["),
    ("( ", "("),
    (" (", "("),
    ("=(", "= ("),
    (",(", ", ("),
    ("->(", "-> ("),
    (" )", ")"),
    (",)", ")"),
    ("[ ", "["),
    (" ]", "]"),
    (" ,", ","),
    (" ;", ";"),
    (" : ", ": "),
    ("! ", "!"),
    ("  ", " "),
];

/// The tokens of an item on one line.
pub(crate) fn of(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string().replace('\n', " ");
    SPACES.iter().fold(text, |text, (loose, usual)| text.replace(loose, usual)).replace("{ }", "{}")
}

/// The attributes that a user notices, each with a space before it.
pub(crate) fn attributes(all: &[Attribute]) -> String {
    all.iter().filter(|attribute| NOTICED.iter().any(|name| attribute.path().is_ident(name))).map(attribute).collect()
}

/// The conditions of an item, each with a space before it.
pub(crate) fn cfgs(all: &[Attribute]) -> String {
    all.iter().filter(|attribute| attribute.path().is_ident("cfg")).map(attribute).collect()
}

fn attribute(attribute: &Attribute) -> String {
    // The reason of a `must_use` may change.
    if attribute.path().is_ident("must_use") { " #[must_use]".to_owned() } else { format!(" {}", of(attribute)) }
}

//! All items of a crate's sources, each with its module, and whether paths from outside lead there.

use std::{fs, path::Path};

use syn::{Attribute, Item, Visibility};

use super::text::cfgs;

/// An item of a module.
pub(crate) struct Found {
    /// The path of the module, without the crate: empty, or ending in `::`.
    pub(crate) module: String,
    /// True if the module and all above it are public.
    pub(crate) is_public: bool,
    pub(crate) item: Item,
    /// The conditions of the modules above.
    pub(crate) cfgs: String,
}

/// All items below a crate's `lib.rs`, but for tests.
pub(crate) fn of(source: &Path) -> Vec<Found> {
    let mut items = Vec::new();
    collect(parse(&source.join("lib.rs")), source, &Scope::default(), &mut items);
    items
}

/// Where a module is.
#[derive(Default)]
struct Scope {
    module: String,
    is_private: bool,
    cfgs: String,
}

fn parse(file: &Path) -> Vec<Item> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())).items
}

fn collect(items: Vec<Item>, folder: &Path, place: &Scope, found: &mut Vec<Found>) {
    for mut item in items {
        if let Item::Mod(module) = &mut item {
            let condition = cfgs(&module.attrs);
            // Code of tests and of model checkers is no API, nor are pages of documentation.
            if ["#[cfg(test)]", "loom", "shuttle", "doctest"]
                .iter()
                .any(|test| condition.contains(test) && !condition.contains("not("))
            {
                continue;
            }
            let name = module.ident.to_string();
            let below = folder.join(&name);
            let items = match module.content.take() {
                Some((_, items)) => items,
                None => parse(
                    &[folder.join(format!("{name}.rs")), below.join("mod.rs")]
                        .into_iter()
                        .find(|file| file.exists())
                        .expect("the file of a module"),
                ),
            };
            let is_private = place.is_private || !is_public(&module.vis);
            let cfgs = format!("{}{condition}", place.cfgs);
            collect(items, &below, &Scope { module: format!("{}{name}::", place.module), is_private, cfgs }, found);
        }
        found.push(Found {
            module: place.module.clone(),
            is_public: !place.is_private,
            item,
            cfgs: place.cfgs.clone(),
        });
    }
}

/// True if an item may be named wherever its module may be.
pub(crate) fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// True if documentation leaves the item out.
pub(crate) fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| super::text::of(attribute).contains("doc(hidden)"))
}

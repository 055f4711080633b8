//! The listing of a crate's public items, a line each: what can be named, its signature, and the traits it implements.
//!
//! An item is listed if its name is public: it is `pub` in public modules, or a `pub use` of a public module names it. The
//! listing goes by names, so an item in a private module is listed if another item of its name is exported. Generated
//! implementations, other than of `derive`, are not listed.

use std::{collections::BTreeSet, path::Path};

use syn::{Fields, ImplItem, ImplItemFn, Item, ItemImpl, ItemTrait, Macro, TraitItem, Type, UseTree};

use super::{
    crate_items::{self, Found, is_hidden, is_public},
    text::{attributes, of as text},
};

/// The sorted lines of a crate whose sources are in that folder.
pub(crate) fn of(source: &Path) -> Vec<String> {
    let items = crate_items::of(source);
    let mut lines = BTreeSet::new();
    let mut names = BTreeSet::new();
    for Found { module, item, cfgs, .. } in items.iter().filter(|found| found.is_public) {
        if let Item::Use(exports) = item {
            if is_public(&exports.vis) && !is_hidden(&exports.attrs) {
                let conditions = format!("{}{cfgs}", attributes(&exports.attrs));
                exported(&exports.tree, String::new(), &mut |path, target, name| {
                    lines.insert(format!("pub use {module}{name} = {path}{target}{conditions}"));
                    names.insert(target.to_owned());
                });
            }
        } else if let Some((name, _)) = public_item(item, "") {
            names.insert(name);
        }
    }
    for Found { module, is_public, item, cfgs } in &items {
        // Where a re-export leads, the module is an internal matter.
        let module = if *is_public { module } else { "" };
        match item {
            Item::Impl(block) => {
                lines.extend(implementation(block, &names).into_iter().map(|line| format!("{line}{cfgs}")))
            }
            Item::Mod(_) if !is_public => (),
            _ => lines.extend(
                public_item(item, module)
                    .filter(|(name, _)| names.contains(name))
                    .map(|(_, line)| format!("{line}{cfgs}")),
            ),
        }
    }
    // What model checkers replace is listed as it is without them.
    lines
        .into_iter()
        .filter(|line| !["#[cfg(loom)]", "#[cfg(shuttle)]"].iter().any(|model| line.contains(model)))
        .collect()
}

/// Calls `name` with the path, the target's name and the exported name of each leaf.
fn exported(tree: &UseTree, path: String, name: &mut impl FnMut(&str, &str, &str)) {
    match tree {
        UseTree::Path(part) => exported(&part.tree, format!("{path}{}::", part.ident), name),
        UseTree::Name(leaf) => name(&path, &leaf.ident.to_string(), &leaf.ident.to_string()),
        UseTree::Rename(leaf) => name(&path, &leaf.ident.to_string(), &leaf.rename.to_string()),
        UseTree::Group(group) => group.items.iter().for_each(|tree| exported(tree, path.clone(), name)),
        UseTree::Glob(_) => name(&path, "*", "*"),
    }
}

/// The name and the line of a public item in a module; `None` of one that is not public, and of blocks.
fn public_item(item: &Item, module: &str) -> Option<(String, String)> {
    let (vis, attrs, ident, rest) = match item {
        Item::Const(it) => (&it.vis, &it.attrs, &it.ident, format!("const {module}{}: {}", it.ident, text(&it.ty))),
        Item::Static(it) => (&it.vis, &it.attrs, &it.ident, format!("static {module}{}: {}", it.ident, text(&it.ty))),
        Item::Fn(it) => (&it.vis, &it.attrs, &it.sig.ident, qualified(&text(&it.sig), &it.sig.ident, module)),
        Item::Mod(it) => (&it.vis, &it.attrs, &it.ident, format!("mod {module}{}", it.ident)),
        Item::Type(it) => {
            let generics = text(&it.generics);
            (&it.vis, &it.attrs, &it.ident, format!("type {module}{}{generics} = {}", it.ident, text(&it.ty)))
        }
        Item::Struct(it) => {
            let bounds = format!("{}{}", text(&it.generics), text(&it.generics.where_clause));
            (&it.vis, &it.attrs, &it.ident, format!("struct {module}{}{bounds}{}", it.ident, fields(&it.fields)))
        }
        Item::Enum(it) => {
            let variants = it.variants.iter().map(|variant| {
                let value =
                    variant.discriminant.as_ref().map_or(String::new(), |(_, value)| format!(" = {}", text(value)));
                format!("{}{}{value}{}", variant.ident, all_fields(&variant.fields), attributes(&variant.attrs))
            });
            let variants = variants.collect::<Vec<_>>().join(", ");
            let variants = if variants.is_empty() { variants } else { format!(" {variants} ") };
            (&it.vis, &it.attrs, &it.ident, format!("enum {module}{}{} {{{variants}}}", it.ident, text(&it.generics)))
        }
        Item::Trait(it) => (&it.vis, &it.attrs, &it.ident, trait_text(it, module)),
        Item::Macro(it) => {
            let name = it.ident.as_ref()?;
            let is_exported = it.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export"));
            return (is_exported && !is_hidden(&it.attrs)).then(|| (name.to_string(), format!("macro_rules! {name}")));
        }
        _ => return None,
    };
    (is_public(vis) && !is_hidden(attrs)).then(|| (ident.to_string(), format!("pub {rest}{}", attributes(attrs))))
}

/// The signature with the function's name behind its module.
fn qualified(signature: &str, name: &syn::Ident, module: &str) -> String {
    signature.replacen(&format!("fn {name}"), &format!("fn {module}{name}"), 1)
}

/// The fields of a struct: of those that are not public, that there are some.
fn fields(fields: &Fields) -> String {
    let is_open = |field: &&syn::Field| is_public(&field.vis);
    let open: Vec<String> = fields
        .iter()
        .filter(is_open)
        .map(|field| {
            let name = field.ident.as_ref().map_or(String::new(), |name| format!("{name}: "));
            format!("pub {name}{}", text(&field.ty))
        })
        .collect();
    let closed = if open.len() < fields.len() { vec!["..".to_owned()] } else { vec![] };
    let list = [open, closed].concat().join(", ");
    if list.is_empty() { String::new() } else { format!(" {{ {list} }}") }
}

/// The fields of a variant, which are as public as the enum.
fn all_fields(fields: &Fields) -> String {
    let list: Vec<String> = fields
        .iter()
        .map(|field| {
            let name = field.ident.as_ref().map_or(String::new(), |name| format!("{name}: "));
            format!("{name}{}", text(&field.ty))
        })
        .collect();
    match fields {
        Fields::Unit => String::new(),
        Fields::Named(_) => format!(" {{ {} }}", list.join(", ")),
        Fields::Unnamed(_) => format!("({})", list.join(", ")),
    }
}

/// A trait: each item with its signature, and whether an implementation may leave it out.
fn trait_text(it: &ItemTrait, module: &str) -> String {
    let items = it.items.iter().filter_map(|item| {
        Some(match item {
            TraitItem::Fn(function) => {
                let body = if function.default.is_some() { " { .. }" } else { "" };
                format!("{}{body}{}", text(&function.sig), attributes(&function.attrs))
            }
            TraitItem::Const(it) => {
                let value = if it.default.is_some() { " = .." } else { "" };
                format!("const {}: {}{value}", it.ident, text(&it.ty))
            }
            TraitItem::Type(it) => {
                text(it).split("type ").last().map(|rest| format!("type {}", rest.trim_end_matches(';')))?
            }
            _ => return None,
        })
    });
    let items = items.collect::<Vec<_>>().join("; ");
    let unsafety = if it.unsafety.is_some() { "unsafe " } else { "" };
    let parents = if it.supertraits.is_empty() { String::new() } else { format!(": {}", text(&it.supertraits)) };
    format!("{unsafety}trait {module}{}{}{parents} {{ {items} }}", it.ident, text(&it.generics))
}

/// The lines of an implementation for a type that is listed: that of the trait, or one for each public item.
fn implementation(block: &ItemImpl, names: &BTreeSet<String>) -> Vec<String> {
    let listed = |ty: &Type| {
        let mut ty = ty;
        while let Type::Reference(reference) = ty {
            ty = &reference.elem;
        }
        matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| names.contains(&last.ident.to_string())))
    };
    if !listed(&block.self_ty) {
        return vec![];
    }
    let bounds = text(&block.generics.where_clause);
    let unsafety = if block.unsafety.is_some() { "unsafe " } else { "" };
    let conditions = attributes(&block.attrs);
    let head = |what: &str| format!("{unsafety}impl{} {what}{bounds}", text(&block.generics));
    let target = text(&block.self_ty);
    if let Some(trait_) = &block.trait_ {
        let name = text(&trait_.0);
        return vec![head(&format!("{name} for {target}")) + &conditions];
    }
    let items = block.items.iter().filter_map(|item| match item {
        ImplItem::Fn(function) => method(function),
        ImplItem::Macro(it) => method(&in_macro(&it.mac)?),
        ImplItem::Const(it) => is_public(&it.vis).then(|| format!("pub const {}: {}", it.ident, text(&it.ty))),
        _ => None,
    });
    items.map(|item| format!("{}: {item}{conditions}", head(&target))).collect()
}

/// A public function of an implementation.
fn method(function: &ImplItemFn) -> Option<String> {
    (is_public(&function.vis) && !is_hidden(&function.attrs))
        .then(|| format!("pub {}{}", text(&function.sig), attributes(&function.attrs)))
}

/// The function in a `const_fn!`.
fn in_macro(it: &Macro) -> Option<ImplItemFn> {
    it.path.is_ident("const_fn").then(|| syn::parse2(it.tokens.clone()).expect("a function in `const_fn!`"))
}

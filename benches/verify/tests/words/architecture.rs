//! The picture in `docs/architecture.md`: made of what the manifests and the sources say.

use std::{collections::BTreeSet, env, fs};

use zonelist_verify::workspace;

use crate::{files::listed_folders, layers::uses};

type Edges = BTreeSet<(String, String)>;

const PAGE: &str = "docs/architecture.md";
const BEGIN: &str = "```mermaid\n";

#[test]
fn the_picture_has_the_dependencies_of_packages_and_folders() {
    let page = fs::read_to_string(workspace().join(PAGE)).expect(PAGE);
    let (before, rest) = page.split_once(BEGIN).expect("a picture");
    let (shown, after) = rest.split_once("```").expect("the end of the picture");
    let real = picture(&reduced(packages()), &reduced(folders()));
    if shown != real && env::var_os("ZONELIST_BLESS").is_some() {
        fs::write(workspace().join(PAGE), format!("{before}{BEGIN}{real}```{after}")).expect(PAGE);
        return;
    }
    assert_eq!(shown, real, "{PAGE}: ZONELIST_BLESS=1 rewrites the picture");
}

/// The picture as a mermaid graph.
fn picture(packages: &Edges, folders: &Edges) -> String {
    let mut text = String::from("graph TD\n");
    for (from, to) in packages {
        text += &format!("  {from} --> {to}\n");
    }
    text += "  subgraph zonelist-core\n";
    for (from, to) in folders {
        text += &format!("    {from} --> {to}\n");
    }
    text + "  end\n"
}

/// The dependencies among the packages that a plain `cargo test` covers, without those of tests alone.
fn packages() -> Edges {
    let manifest = |folder: &str| fs::read_to_string(workspace().join(folder).join("Cargo.toml")).expect(folder);
    let folders = listed_folders("default-members");
    let manifests: Vec<(&str, String)> = folders.iter().map(|folder| (folder.as_str(), manifest(folder))).collect();
    let name = |text: &str| text.split("name = \"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
    let mut edges = Edges::new();
    for (folder, text) in &manifests {
        let mut is_used = false;
        for line in text.lines() {
            if line.starts_with('[') {
                is_used = line.ends_with("dependencies]") && !line.contains("dev-dependencies");
            }
            let used = manifests.iter().find(|(_, used)| {
                name(used).is_some_and(|name| line.strip_prefix(&name).is_some_and(|rest| rest.starts_with([' ', '.'])))
            });
            if let Some((used, _)) = used.filter(|_| is_used) {
                edges.insert((folder.to_string(), used.to_string()));
            }
        }
    }
    assert!(edges.len() > 10, "only {} dependencies are found", edges.len());
    edges
}

/// The uses among the folders of `zonelist-core`.
fn folders() -> Edges {
    let edges = uses().into_iter().filter(|it| it.from != it.to);
    edges.map(|it| (it.from.to_owned(), it.to.to_owned())).collect()
}

/// The edges without those that a longer path has.
fn reduced(edges: Edges) -> Edges {
    let is_direct = |(from, to): &&(String, String)| {
        !edges.iter().any(|(begin, next)| begin == from && next != to && reaches(&edges, next, to))
    };
    edges.iter().filter(is_direct).cloned().collect()
}

/// True if a path leads from one node to another.
fn reaches(edges: &Edges, from: &str, to: &str) -> bool {
    let mut begun = edges.iter().filter(|(begin, _)| begin == from);
    begun.any(|(_, next)| next == to || reaches(edges, next, to))
}

#[test]
fn an_edge_that_a_longer_path_has_is_left_out() {
    let edges = [("a", "b"), ("b", "c"), ("a", "c"), ("a", "d")].map(|(from, to)| (from.to_owned(), to.to_owned()));
    let kept = reduced(edges.clone().into_iter().collect());
    assert_eq!(kept.into_iter().collect::<Vec<_>>(), [&edges[0], &edges[3], &edges[1]].map(Clone::clone));
}

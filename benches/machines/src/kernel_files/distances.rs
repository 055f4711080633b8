//! Distances between the nodes of a folder: a row in the `distance` file of each online node.

use std::path::Path;

use zonelist_core::topology::{LOCAL_DISTANCE, REMOTE_DISTANCE};

use super::text::{named, text};
use crate::{
    error::{Problem, ReadError},
    warning::{Concern, Warning},
};

/// The matrix over the possible nodes. Cells that the folder does not have are 10 and 20.
///
/// The kernel prints a column for each online node. A folder that was edited may have one for each possible node.
pub(super) fn matrix(
    folder: &Path,
    possible: &[u32],
    online: &[u32],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Vec<u32>>, ReadError> {
    let default = |from, to| u32::from(if from == to { LOCAL_DISTANCE } else { REMOTE_DISTANCE });
    let mut matrix: Vec<Vec<u32>> =
        possible.iter().map(|&from| possible.iter().map(|&to| default(from, to)).collect()).collect();
    let mut missing = Vec::new();
    for &node in online {
        let Some(row) = row(&folder.join(format!("node{node}/distance")), online.len(), possible.len())? else {
            missing.push(node);
            continue;
        };
        let known = if row.len() == online.len() { online } else { possible };
        let Ok(from) = possible.binary_search(&node) else { continue };
        for (to, distance) in
            known.iter().zip(row).filter_map(|(to, cell)| Some((possible.binary_search(to).ok()?, cell)))
        {
            matrix[from][to] = distance;
        }
    }
    if !missing.is_empty() {
        let message = format!("no `distance` of {}; taken as 10 and 20", named(&missing));
        warnings.push(Warning::new(folder, Concern::EveryList, message));
    }
    let offline: Vec<u32> = possible.iter().copied().filter(|node| !online.contains(node)).collect();
    if !offline.is_empty() {
        let message = format!("no distances of offline {}; taken as 10 and 20", named(&offline));
        warnings.push(Warning::new(folder, Concern::OfflineLists, message));
    }
    Ok(matrix)
}

/// A node's row; `None` if its file is absent or empty.
fn row(path: &Path, online: usize, possible: usize) -> Result<Option<Vec<u32>>, ReadError> {
    let Some(text) = text(path)?.filter(|text| !text.is_empty()) else { return Ok(None) };
    let row: Result<Vec<u32>, Problem> = text.split_ascii_whitespace().enumerate().map(distance).collect();
    let row = row.map_err(|problem| problem.in_file(path))?;
    if row.len() != online && row.len() != possible {
        let expected = format!("one for each of {online} online nodes");
        return Err(Problem::value("", format_args!("{} distances", row.len()), expected).in_file(path));
    }
    Ok(Some(row))
}

/// A distance: a byte, and at least 10. It is 0 where the kernel never set it (ia64 without a table of the firmware).
fn distance((index, word): (usize, &str)) -> Result<u32, Problem> {
    match word.parse::<u8>() {
        Ok(distance) if distance == 0 || distance >= LOCAL_DISTANCE => Ok(distance.into()),
        _ => Err(Problem::value(format!("entry {}", index + 1), format_args!("{word:?}"), "a distance, 10 to 255")),
    }
}

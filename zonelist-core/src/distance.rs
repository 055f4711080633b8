//! Distances between nodes, as a firmware's table gives them.

use alloc::vec::Vec;

use crate::MachineError;

/// The distance of a node to itself.
pub const LOCAL_DISTANCE: u8 = 10;

/// The distance of any two nodes on a machine that gives none.
pub const REMOTE_DISTANCE: u8 = 20;

/// A square matrix of distances; row = from, in the order of the machine's nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Distances {
    nodes: usize,
    cells: Vec<u8>,
}

impl Distances {
    /// Every node at 10 to itself and 20 to every other; of at most [`MAX_NODES`](crate::MAX_NODES) nodes.
    #[must_use]
    pub fn uniform(nodes: usize) -> Self {
        let nodes = nodes.min(crate::MAX_NODES);
        let cell = |i: usize| if i / nodes == i % nodes { LOCAL_DISTANCE } else { REMOTE_DISTANCE };
        Self { nodes, cells: (0..nodes * nodes).map(cell).collect() }
    }

    /// Checks a matrix of `nodes` rows.
    ///
    /// # Errors
    /// A row too many or too few, a row of another length, a distance outside `10..=255`.
    /// A matrix that Linux would not believe is no error: a machine is given the uniform one instead.
    ///
    /// ```
    /// use zonelist_core::{Distances, MachineError};
    /// assert!(Distances::new(2, &[vec![10, 21], vec![17, 10]]).is_ok());
    /// let error = Distances::new(2, &[vec![10, 21], vec![17]]).unwrap_err();
    /// assert_eq!(error, MachineError::DistanceRow { row: 1, len: 1, nodes: 2 });
    /// ```
    pub fn new(nodes: usize, rows: &[Vec<u32>]) -> Result<Self, MachineError> {
        if rows.len() != nodes {
            return Err(MachineError::DistanceRows { rows: rows.len(), nodes });
        }
        let mut cells = Vec::new();
        for (i, row) in rows.iter().enumerate() {
            if row.len() != nodes {
                return Err(MachineError::DistanceRow { row: i, len: row.len(), nodes });
            }
            for (column, &value) in row.iter().enumerate() {
                match u8::try_from(value) {
                    Ok(distance) if distance >= LOCAL_DISTANCE => cells.push(distance),
                    _ => return Err(MachineError::Distance { row: i, column, value }),
                }
            }
        }
        Ok(Self { nodes, cells })
    }

    /// The matrix, or the uniform one with the cell that made it unbelievable.
    ///
    /// Linux drops the whole table when a node is not at 10 to itself or another node is at 10
    /// (`drivers/acpi/numa/srat.c: slit_valid`).
    pub(crate) fn or_uniform(self) -> (Self, Option<VoidDistances>) {
        let void = self.cells.iter().enumerate().find_map(|(i, &distance)| {
            let (row, column) = (i / self.nodes, i % self.nodes);
            ((distance == LOCAL_DISTANCE) != (row == column)).then_some(VoidDistances { row, column, distance })
        });
        match void {
            Some(_) => (Self::uniform(self.nodes), void),
            None => (self, None),
        }
    }

    /// How many nodes it is over.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// The distances from the node in that position; none if there is no such node.
    #[must_use]
    pub fn from(&self, position: usize) -> &[u8] {
        let start = position.saturating_mul(self.nodes);
        self.cells.get(start..).and_then(|cells| cells.get(..self.nodes)).unwrap_or_default()
    }

    /// The matrix with rows and columns rearranged: position `i` of the result is `order[i]` here.
    pub(crate) fn arranged(&self, order: &[usize]) -> Self {
        let cells =
            order.iter().flat_map(|&i| order.iter().filter_map(move |&j| self.from(i).get(j).copied())).collect();
        Self { nodes: order.len(), cells }
    }
}

/// The warning that a machine's distances were not believed and became 10 and 20.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "distance[{row}][{column}] is {distance}: a node is at 10 to itself and farther from every other, \
     so all distances are taken as 10 and 20"
)]
pub struct VoidDistances {
    /// The row of the first such cell.
    pub row: usize,
    /// Its column.
    pub column: usize,
    /// What it said.
    pub distance: u8,
}

//! Distances between nodes, as in the firmware's table (ACPI SLIT).

use alloc::vec::Vec;

use super::{description::DistanceSource, error::MachineError};

/// The distance of a node to itself.
pub const LOCAL_DISTANCE: u8 = 10;

/// The distance of any two nodes of a machine without a distance table.
pub const REMOTE_DISTANCE: u8 = 20;

/// A square matrix of distances; row = from, indexed as the nodes of the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Distances {
    nodes: usize,
    cells: Vec<u8>,
}

impl Distances {
    /// The matrix with 10 on the diagonal and 20 elsewhere; at most [`MAX_NODES`](crate::topology::MAX_NODES) nodes.
    #[must_use]
    pub fn uniform(nodes: usize) -> Self {
        let nodes = nodes.min(crate::ids::MAX_NODES);
        let cell = |i: usize| if i / nodes == i % nodes { LOCAL_DISTANCE } else { REMOTE_DISTANCE };
        Self { nodes, cells: (0..nodes * nodes).map(cell).collect() }
    }

    /// Checks a matrix of `nodes` rows.
    ///
    /// # Errors
    /// The number of rows or the length of a row is not `nodes`, or a distance is outside `10..=255`; 0 is a distance
    /// as well, if a kernel is the source.
    /// A matrix that Linux would reject is no error: [`Machine::new`](crate::topology::Machine::new) replaces it.
    ///
    /// ```
    /// use zonelist_core::topology::{DistanceSource, Distances, MachineError};
    /// assert!(Distances::new(2, &[vec![10, 21], vec![17, 10]], DistanceSource::Firmware).is_ok());
    /// let error = Distances::new(2, &[vec![10, 21], vec![17]], DistanceSource::Firmware).unwrap_err();
    /// assert_eq!(error, MachineError::DistanceRow { row: 1, len: 1, nodes: 2 });
    /// ```
    pub fn new(nodes: usize, rows: &[Vec<u32>], source: DistanceSource) -> Result<Self, MachineError> {
        if rows.len() != nodes {
            return Err(MachineError::DistanceRows { rows: rows.len(), nodes });
        }
        let mut cells = Vec::new();
        for (i, row) in rows.iter().enumerate() {
            if row.len() != nodes {
                return Err(MachineError::DistanceRow { row: i, len: row.len(), nodes });
            }
            for (column, &value) in row.iter().enumerate() {
                // A distance of more than 255 does not fit into the firmware's table, which has a byte for each.
                match u8::try_from(value) {
                    Ok(distance) if distance >= LOCAL_DISTANCE => cells.push(distance),
                    Ok(0) if source == DistanceSource::Kernel => cells.push(0),
                    _ => return Err(MachineError::Distance { row: i, column, value }),
                }
            }
        }
        Ok(Self { nodes, cells })
    }

    /// The matrix, or the uniform one and the first cell for which Linux rejects the table.
    ///
    /// Linux drops the whole table if a diagonal cell is not 10 or another cell is 10
    /// (`drivers/acpi/numa/srat.c: slit_valid`).
    pub(crate) fn or_uniform(self) -> (Self, Option<VoidDistances>) {
        let void = self.firmware_fault();
        match void {
            Some(_) => (Self::uniform(self.nodes), void),
            None => (self, None),
        }
    }

    /// The first cell for which Linux rejects such a table of the firmware.
    #[must_use]
    pub fn firmware_fault(&self) -> Option<VoidDistances> {
        // The first cell of which being 10 and being on the diagonal do not agree.
        self.cells.iter().enumerate().find_map(|(i, &distance)| {
            let (row, column) = (i / self.nodes, i % self.nodes);
            ((distance == LOCAL_DISTANCE) != (row == column)).then_some(VoidDistances { row, column, distance })
        })
    }

    /// The number of nodes.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// The distances from the node at a position; empty if there is no such node.
    #[must_use]
    pub fn from(&self, position: usize) -> &[u8] {
        let start = position.saturating_mul(self.nodes);
        self.cells.get(start..).and_then(|cells| cells.get(..self.nodes)).unwrap_or_default()
    }

    /// The matrix with rows and columns permuted: position `i` of the result is `positions[i]` of this one.
    pub(crate) fn permuted(&self, positions: &[usize]) -> Self {
        let row = |&i: &usize| positions.iter().filter_map(move |&j| self.from(i).get(j).copied());
        Self { nodes: positions.len(), cells: positions.iter().flat_map(row).collect() }
    }
}

/// Warning: the distance table was rejected, and all distances became 10 and 20.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "distance[{row}][{column}] is {distance}: a node is at 10 to itself and farther from every other, \
     so all distances are taken as 10 and 20"
)]
pub struct VoidDistances {
    /// The row of the first invalid cell.
    pub row: usize,
    /// Its column.
    pub column: usize,
    /// Its value.
    pub distance: u8,
}

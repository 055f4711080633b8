//! Zone kinds in a machine file.

use serde::{Deserialize, Serialize};
use zonelist_core::ZoneKind;

/// A zone kind, written as the kernel's name of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Kind(#[serde(with = "KindName")] pub ZoneKind);

#[derive(Deserialize, Serialize)]
#[serde(remote = "ZoneKind")]
enum KindName {
    #[serde(rename = "DMA")]
    Dma,
    #[serde(rename = "DMA32")]
    Dma32,
    Normal,
    HighMem,
    Movable,
    Device,
}

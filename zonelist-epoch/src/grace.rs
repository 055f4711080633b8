//! What the schemes share that wait for walks before they write.

use zonelist_core::{
    Lists, Twins,
    publish::{PublishError, Writer},
    sync::fault,
};

/// Writes the next version over the one before the last, once no walk goes on there, and lets
/// readers find it.
///
/// Nothing is allocated, and nothing kept but the two tables, whatever readers do: while one of them
/// stays within a walk, the publish after the next waits, or says that it would have to.
pub(crate) fn replace_settled(twins: &Twins, next: Lists<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
    // Lists that do not fit are to wait for nobody.
    twins.check(next)?;
    if !fault("grace: not waited for") {
        // Every walk from before the last swap: all that can have found what is written over.
        writer.settle()?;
    }
    twins.replace(next)?;
    writer.ask();
    Ok(())
}

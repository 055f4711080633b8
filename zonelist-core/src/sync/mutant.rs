//! Deliberate faults in product code, which exist under loom only.

/// An expression of product code, with a mutant that some model has to fail on: `or_mutant!(right => wrong, "name")`.
///
/// The mutant is compiled under loom only, and evaluated only in a run that requests it by name. A model that fails on
/// it shows that the models detect this fault. A mutant `true` or `false` is evaluated only if the right value is the
/// other one. A step that only the mutant takes is `or_mutant!(=> wrong, "name")`.
///
/// ```
/// let entered = 3;
/// assert_eq!(zonelist_core::or_mutant!(entered + 1 => entered, "example: not counted"), 4);
/// ```
#[cfg(not(loom))]
#[macro_export]
macro_rules! or_mutant {
    (=> $wrong:expr, $name:literal) => {};
    ($right:expr => $wrong:expr, $name:literal) => {
        $right
    };
}

#[cfg(loom)]
#[macro_export]
#[doc(hidden)]
macro_rules! or_mutant {
    (=> $wrong:expr, $name:literal) => {
        if $crate::sync::is_mutant($name) {
            $wrong;
        }
    };
    ($right:expr => false, $name:literal) => {
        ($right && !$crate::sync::is_mutant($name))
    };
    ($right:expr => true, $name:literal) => {
        ($right || $crate::sync::is_mutant($name))
    };
    ($right:expr => $wrong:expr, $name:literal) => {
        if $crate::sync::is_mutant($name) { $wrong } else { $right }
    };
}

/// True in a run that requests the mutant of this name.
#[cfg(loom)]
#[doc(hidden)]
#[must_use]
pub fn is_mutant(name: &str) -> bool {
    super::traced::fault(name)
}

//! Parts of a `Scheme` that several schemes share, so that a scheme's file has what is its own.

/// The items of a [`Scheme`](crate::publish::Scheme) whose readers keep nothing of their own, and whose walks filter by
/// a [`SlotFilter`](crate::table::SlotFilter): `Local`, `Filter`, `local` and `filter`.
///
/// Goes into the `impl` block, beside the items that are the scheme's own:
///
/// ```text
/// impl Scheme for MyScheme {
///     const FACTS: Facts = Facts::new("MyScheme", env!("CARGO_PKG_NAME")).readers(Progress::WaitFree);
///     const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
///     type Pinned<'g> = &'g Self;
///     type Walk<'w> = SlotWalk<'w, Slot>;
///     zonelist_core::slot_readers!();
///
///     fn pin ..., fn walk ..., fn publish ...
/// }
/// ```
#[macro_export]
macro_rules! slot_readers {
    () => {
        type Local = ();
        type Filter = $crate::table::SlotFilter;

        fn local(&self) {}

        fn filter(&self, request: &$crate::Request) -> $crate::table::SlotFilter {
            $crate::table::SlotFilter::new(request)
        }
    };
}

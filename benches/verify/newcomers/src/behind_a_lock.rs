//! The smallest scheme, with another lock or other facts.

/// Defines a scheme: its name, the lock, the lock's guard and methods, and facts that differ from
/// [`FACTS`](crate::FACTS); and what a publish stores before the new version, if it does.
macro_rules! behind_a_lock {
    ($name:ident, $lock:ident, $guard:ident, $read:ident, $write:ident, $($fact:ident($($value:expr)?)),* $(; $before:expr)?) => {
        /// Zonelists behind a lock.
        #[derive(Debug, Default)]
        pub struct $name($lock<Zonelists>);

        impl Scheme for $name {
            const FACTS: Facts = crate::FACTS.scheme(stringify!($name))$(.$fact($($value)?))*;
            type Pinned<'g> = $guard<'g, Zonelists>;
            type Walk<'w> = ListWalk<'w>;
            crate::plain!();

            fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> $guard<'g, Zonelists> {
                self.0.$read().unwrap_or_else(PoisonError::into_inner)
            }

            fn walk<'w, 'g: 'w>(pinned: &'w Self::Pinned<'g>, node: NodeId, request: &'w Request) -> ListWalk<'w> {
                ListWalk { rest: pinned.lists().of(node, Scope::Fallback).iter(), request }
            }

            fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
                for version in [$($before,)? next] {
                    *self.0.$write().unwrap_or_else(PoisonError::into_inner) = Zonelists::from(version);
                }
                Ok(())
            }
        }
    };
}
pub(crate) use behind_a_lock;

//! loom's atomics and fences with a log of each operation, and the mutants of their orderings.

use std::{boxed::Box, panic::Location, sync::Arc};

use loom::sync::atomic as raw;

use super::{
    LATE, Log, Ordering, Step, Value, after, before, born, newest, note, settle,
    sink::{self, Next},
    wrong::{leaves_a_compiler_fence_out, weakened, wrong_at},
};

/// A fence, as [`core::sync::atomic::fence`].
#[track_caller]
pub fn fence(said: Ordering) {
    let place = Location::caller();
    let actor = before(place, Next::Other);
    match wrong_at(place, "fence", said) {
        Some("relaxed") => {}
        Some("acqrel") => raw::fence(Ordering::AcqRel),
        _ => raw::fence(said),
    }
    after(actor, place, Step::Fence { ordering: said });
}

/// A compiler fence, as [`core::sync::atomic::compiler_fence`]. No step for loom, which keeps the order of the source.
///
/// If a mutant leaves the fence out, a relaxed store right before it sinks behind the loads that follow.
#[track_caller]
pub fn compiler_fence(said: Ordering) {
    let place = Location::caller();
    let actor = Log::actor();
    if wrong_at(place, "compiler_fence", said) == Some("sinks") {
        sink::leave_fence_out(actor);
    } else {
        sink::before(actor, Next::Other);
    }
    note(actor, place, Step::Said(Box::from("a compiler fence")));
}

macro_rules! atomic {
    ($name:ident $(<$t:ident>)?, $raw:ty, $type:ty, $value:expr, {$($more:tt)*}) => {
        #[doc = concat!("As [`core::sync::atomic::", stringify!($name), "`].")]
        #[derive(Debug)]
        pub struct $name $(<$t>)? {
            atomic: Arc<$raw>,
            object: usize,
        }

        impl $(<$t: 'static>)? $name $(<$t>)? {
            /// An atomic with this value.
            #[track_caller]
            #[must_use]
            pub fn new(value: $type) -> Self {
                Self { object: born(Location::caller(), Self::number(value)), atomic: Arc::new(<$raw>::new(value)) }
            }

            /// The value as the log has it.
            fn number(value: $type) -> Value {
                ($value)(value)
            }

            /// As `core`'s.
            #[track_caller]
            pub fn load(&self, said: Ordering) -> $type {
                let place = Location::caller();
                let actor = before(place, Next::Load(self.object));
                let value = self.atomic.load(weakened(wrong_at(place, "load", said), said));
                let newest = newest(self.object, None);
                after(actor, place, Step::Load { object: self.object, value: Self::number(value), newest });
                value
            }

            /// As `core`'s.
            #[track_caller]
            pub fn store(&self, value: $type, said: Ordering) {
                let place = Location::caller();
                let actor = before(place, Next::Store(self.object));
                let wrong = wrong_at(place, "store", said);
                let weaker = weakened(wrong, said);
                // A closure, since a mutant has the store take effect later.
                let (atomic, object) = (Arc::clone(&self.atomic), self.object);
                let store = move || {
                    atomic.store(value, weaker);
                    newest(object, Some(Self::number(value)));
                    note(actor, place, Step::Store { object, value: Self::number(value) });
                };
                if wrong == Some("late") {
                    settle(actor);
                    LATE.with_borrow_mut(|late| late.push((actor, place, Box::new(store))));
                } else if leaves_a_compiler_fence_out() && (said == Ordering::Relaxed || sink::sinks(actor, object)) {
                    settle(actor);
                    sink::hold(actor, object, place, Box::new(store));
                } else {
                    store();
                    settle(actor);
                }
            }

            #[track_caller]
            fn exchange<R>(
                &self,
                operation: &str,
                said: Ordering,
                exchange: impl FnOnce(&$raw, Ordering) -> (R, $type, $type),
            ) -> R {
                let place = Location::caller();
                let actor = before(place, Next::Other);
                let (result, from, to) = exchange(&self.atomic, weakened(wrong_at(place, operation, said), said));
                let (before, after) = (Self::number(from), Self::number(to));
                newest(self.object, Some(after));
                self::after(actor, place, Step::ReadModifyWrite { object: self.object, before, after });
                result
            }

            /// As `core`'s.
            #[track_caller]
            pub fn swap(&self, value: $type, said: Ordering) -> $type {
                self.exchange("swap", said, |raw, said| {
                    let before = raw.swap(value, said);
                    (before, before, value)
                })
            }

            /// As `core`'s.
            ///
            /// # Errors
            /// The current value, if it is not `current`.
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $type,
                new: $type,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$type, $type> {
                self.exchange("compare_exchange", success, |raw, success| {
                    let result = raw.compare_exchange(current, new, success, failure);
                    let (before, after) = match result {
                        Ok(before) => (before, new),
                        Err(before) => (before, before),
                    };
                    (result, before, after)
                })
            }

            /// As `core`'s, but never fails spuriously.
            ///
            /// # Errors
            /// The current value, if it is not `current`.
            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $type,
                new: $type,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$type, $type> {
                self.compare_exchange(current, new, success, failure)
            }

            $($more)*
        }
    };
}

macro_rules! fetch {
    ($($name:ident: $type:ty, $after:expr;)*) => {
        $(
            /// As `core`'s.
            #[track_caller]
            pub fn $name(&self, operand: $type, said: Ordering) -> $type {
                self.exchange(stringify!($name), said, |raw, said| {
                    let before = raw.$name(operand, said);
                    (before, before, ($after)(before, operand))
                })
            }
        )*
    };
}

macro_rules! integer {
    ($name:ident, $type:ident) => {
        atomic!($name, raw::$name, $type, |value: $type| value as Value, {
            fetch! {
                fetch_add: $type, |a: $type, b| a.wrapping_add(b);
                fetch_sub: $type, |a: $type, b| a.wrapping_sub(b);
                fetch_and: $type, |a: $type, b: $type| a & b;
                fetch_or: $type, |a: $type, b: $type| a | b;
                fetch_xor: $type, |a: $type, b: $type| a ^ b;
                fetch_max: $type, |a: $type, b| a.max(b);
                fetch_min: $type, |a: $type, b| a.min(b);
            }
        });

        impl Default for $name {
            #[track_caller]
            fn default() -> Self {
                Self::new(0)
            }
        }
    };
}
integer!(AtomicU8, u8);
integer!(AtomicU16, u16);
integer!(AtomicU32, u32);
integer!(AtomicU64, u64);
integer!(AtomicUsize, usize);
atomic!(AtomicBool, raw::AtomicBool, bool, |value: bool| Value::from(value), {
    fetch! {
        fetch_and: bool, |a: bool, b: bool| a & b;
        fetch_or: bool, |a: bool, b: bool| a | b;
        fetch_xor: bool, |a: bool, b: bool| a ^ b;
    }
});
atomic!(AtomicPtr<T>, raw::AtomicPtr<T>, *mut T, |value: *mut T| value.addr() as Value, {});

impl Default for AtomicBool {
    #[track_caller]
    fn default() -> Self {
        Self::new(false)
    }
}

impl<T: 'static> Default for AtomicPtr<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(core::ptr::null_mut())
    }
}

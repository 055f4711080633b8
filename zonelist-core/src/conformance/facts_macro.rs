//! The macro `facts!`, which holds a scheme to its facts by one line.

/// Holds schemes to their facts: a test for each fact, which runs the scheme natively. For Linux.
///
/// ```text
/// zonelist_core::facts!(my_scheme: MyScheme = MyScheme::new(ROOM), another: Another = Another::default());
/// ```
///
/// It belongs into a file of its own in `tests/`, since it sets the program's global allocator: to one that counts
/// ([`Heap`](crate::conformance::facts::Heap)). The feature `facts` of this crate, among the dev-dependencies, enables
/// it. [`ROOM`](crate::conformance::ROOM), a node and four zones, is in scope, as for the macro `model!`.
///
/// | test | fact | method |
/// |---|---|---|
/// | `allocates` | [`allocates`](crate::publish::Facts::allocates) | 10000 publishes and walks over a heap that counts |
/// | `registers` | [`registers`](crate::publish::Facts::registers) | 64 readers at once, where two have room |
/// | `stalled_reader` | [`stalled_reader`](crate::publish::Facts::stalled_reader) | many publishes beside a stalled walk |
/// | `after_fork` | [`after_fork`](crate::publish::Facts::after_fork) | walks in children, with the publisher stopped within a publish |
/// | `interrupt_safe` | [`interrupt_safe`](crate::publish::Facts::interrupt_safe) | walks in a signal handler that interrupts publishes and walks |
/// | `tls_destructor` | [`tls_destructor`](crate::publish::Facts::tls_destructor) | walks in the destructors of thread-locals |
/// | `below_allocator` | [`below_allocator`](crate::publish::Facts::below_allocator) | the program's own allocations are served through the scheme |
/// | `no_alloc` | [`no_std`](crate::publish::Facts::no_std), [`no_alloc`](crate::publish::Facts::no_alloc) | a program with neither is built with the package |
/// | `retires` | [`retires`](crate::publish::Facts::retires) | whether it implements [`Reclaim`](crate::publish::Reclaim) |
///
/// `after_fork`, `interrupt_safe`, `tls_destructor`, `below_allocator` and `no_alloc` fail if the scheme declares the
/// fact and the measurement shows otherwise; a scheme may declare less than was measured. Each other fact has to be
/// equal to the measurement.
///
/// `no_alloc` builds the package without its default features. For `no_std` the package has to build so, and its
/// dependency on `zonelist-core` needs `default-features = false`.
///
/// The macro `model!` explores the guarantee, and the progress of walks and publishes. A test that may hang or crash
/// runs in a process of its own, with a limit of some seconds. All tests together take ten seconds to a minute, and
/// with `ZONELIST_LONG` in the environment some ten times as long.
#[macro_export]
macro_rules! facts {
    ($($name:ident: $scheme:ty = $make:expr),+ $(,)?) => {
        #[global_allocator]
        static HEAP: $crate::conformance::facts::Heap = $crate::conformance::facts::Heap;

        $(
            mod $name {
                #[allow(unused_imports, reason = "a scheme's maker may need them")]
                use {super::*, $crate::conformance::ROOM};

                fn make() -> $scheme {
                    $make
                }

                $crate::facts!(@ allocates() registers() stalled_reader() after_fork());
                $crate::facts!(@ interrupt_safe(of_its_own) tls_destructor(of_its_own) below_allocator(of_its_own));

                #[test]
                fn no_alloc() {
                    $crate::conformance::facts::check::no_alloc(
                        env!("CARGO_PKG_NAME"),
                        env!("CARGO_MANIFEST_DIR"),
                        make,
                    );
                }

                #[test]
                fn retires() {
                    use $crate::publish::Reclaim;

                    /// An inherent constant is chosen before that of a trait.
                    struct Ask<S>(core::marker::PhantomData<S>);
                    impl<S: Reclaim> Ask<S> {
                        const RECLAIMS: bool = true;
                    }
                    trait Otherwise {
                        const RECLAIMS: bool = false;
                    }
                    impl<S> Otherwise for Ask<S> {}
                    $crate::conformance::facts::check::retires::<$scheme>(<Ask<$scheme>>::RECLAIMS);
                }
            }
        )+
    };
    (@ $($fact:ident($($alone:ident)?))+) => {
        $(
            #[test]
            fn $fact() {
                $crate::facts!(@ $fact $($alone)?);
            }
        )+
    };
    (@ $fact:ident of_its_own) => {
        $crate::conformance::facts::check::$fact(concat!(module_path!(), "::", stringify!($fact)), make);
    };
    (@ $fact:ident) => {
        $crate::conformance::facts::check::$fact(make);
    };
}

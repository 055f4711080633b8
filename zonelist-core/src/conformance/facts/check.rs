//! What [`facts!`](crate::facts) makes a test of: a scheme's facts beside what was measured.

use core::fmt::Debug;
use std::{println, string::ToString};

use super::{
    WELL, allocation, below_allocator, child,
    fork::{self, Child},
    freestanding::{Freestanding, freestanding},
    signals, threads,
};
use crate::{
    conformance::Sample,
    publish::{Scheme, SystemBarrier},
};

/// The barrier pair that works best here.
type Pair = SystemBarrier;

/// Compares a fact with what was measured.
fn is<S: Scheme, T: PartialEq + Debug>(fact: &str, said: T, measured: T, how: impl Debug) {
    println!("{}: {fact} is {measured:?} ({how:?})", S::FACTS.scheme);
    assert_eq!(
        said,
        measured,
        "{}: its FACTS.{fact} on the left, what was measured on the right: {how:?}",
        S::FACTS.scheme
    );
}

/// Compares a fact that says what a scheme may do with what it did: to claim less is no fault, as what went well once may
/// fail another time.
fn may<S: Scheme>(fact: &str, said: bool, measured: bool, how: impl Debug) {
    if measured && !said {
        println!("{}: its FACTS.{fact} is false, and nothing went wrong: {how:?}", S::FACTS.scheme);
        return;
    }
    is::<S, _>(fact, said, measured, how);
}

/// [`Facts::allocates`](crate::publish::Facts::allocates).
///
/// # Panics
/// The facts say something else.
pub fn allocates<S: Scheme>(make: impl Fn() -> S) {
    let reached = allocation::reached::<S, Pair>(make, &Sample::one_node());
    is::<S, _>("allocates", S::FACTS.allocates, reached.fact(), reached);
}

/// [`Facts::registers`](crate::publish::Facts::registers).
///
/// # Panics
/// The facts say something else.
pub fn registers<S: Scheme>(make: impl Fn() -> S) {
    is::<S, _>("registers", S::FACTS.registers, allocation::registers::<S, Pair>(make), "64 readers at once");
}

/// [`Facts::stalled_reader`](crate::publish::Facts::stalled_reader).
///
/// # Panics
/// The facts say something else.
pub fn stalled_reader<S: Scheme>(make: impl Fn() -> S) {
    let (measured, kept) = allocation::stalled_reader::<S, Pair>(make, &Sample::one_node());
    let [few, many] = kept.map(|(publishes, bytes)| std::format!("{bytes} bytes kept by {publishes} publishes"));
    is::<S, _>("stalled_reader", S::FACTS.stalled_reader, measured, [few, many]);
}

/// [`Facts::after_fork`](crate::publish::Facts::after_fork).
///
/// # Panics
/// It is claimed, and not so.
pub fn after_fork<S: Scheme>(make: impl Fn() -> S) {
    let child = fork::after_fork::<S, Pair>(make, &Sample::one_node());
    may::<S>("after_fork", S::FACTS.after_fork, child == Child::Walked, child);
}

/// What ends its process, in one of its own.
fn alone(test: &str, scheme: &str, ends: impl FnOnce()) -> std::string::String {
    if child::subject().is_some() {
        ends();
        child::ends("comes back without a verdict");
    }
    // The harness names a test without its crate.
    child::verdict(test.split_once("::").map_or(test, |(_, name)| name), scheme)
}

/// [`Facts::interrupt_safe`](crate::publish::Facts::interrupt_safe).
///
/// # Panics
/// It is claimed, and not so.
pub fn interrupt_safe<S: Scheme>(test: &str, make: impl Fn() -> S) {
    let verdict = alone(test, S::FACTS.scheme, || signals::walks_in_a_handler::<S, Pair>(make, &Sample::one_node()));
    may::<S>("interrupt_safe", S::FACTS.interrupt_safe, verdict == WELL, verdict);
}

/// [`Facts::tls_destructor`](crate::publish::Facts::tls_destructor).
///
/// # Panics
/// It is claimed, and not so.
pub fn tls_destructor<S: Scheme + Send + 'static>(test: &str, make: impl Fn() -> S) {
    let verdict = alone(test, S::FACTS.scheme, || threads::walks_in_a_destructor::<S, Pair>(make, &Sample::one_node()));
    may::<S>("tls_destructor", S::FACTS.tls_destructor, verdict == WELL, verdict);
}

/// [`Facts::below_allocator`](crate::publish::Facts::below_allocator).
///
/// # Panics
/// It is claimed, and not so.
pub fn below_allocator<S: Scheme + Send + 'static>(test: &str, make: impl Fn() -> S) {
    let verdict = alone(test, S::FACTS.scheme, || below_allocator::serves_the_program::<S, Pair>(make));
    may::<S>("below_allocator", S::FACTS.below_allocator, verdict == WELL, verdict);
}

/// [`Facts::no_std`](crate::publish::Facts::no_std) and [`Facts::no_alloc`](crate::publish::Facts::no_alloc), of the
/// package that the scheme is in, without its default features. A scheme that needs no alloc never reaches for the heap.
///
/// # Panics
/// Either is claimed and not so, or the package does not build.
pub fn no_alloc<S: Scheme>(package: &str, folder: &str, make: impl Fn() -> S) {
    let built = freestanding(package, folder);
    if let Freestanding::Fails(said) = &built {
        panic!("{package} does not build without its default features:\n{said}");
    }
    let [no_std, no_alloc] = [built != Freestanding::Std, built == Freestanding::NoAlloc];
    let how = std::format!("a program without std and allocator, with {package} without default features: {built:?}");
    may::<S>("no_std", S::FACTS.no_std, no_std, &how);
    may::<S>("no_alloc", S::FACTS.no_alloc, no_alloc, &how);
    if S::FACTS.no_alloc {
        let needs = allocation::needs_a_heap::<S, Pair>(make, &Sample::one_node());
        may::<S>("no_alloc", S::FACTS.no_alloc, !needs, "its heap is counted");
    }
}

/// [`Facts::retires`](crate::publish::Facts::retires), where `reclaims` says whether the scheme implements
/// [`Reclaim`](crate::publish::Reclaim).
///
/// # Panics
/// The facts say something else.
pub fn retires<S: Scheme>(reclaims: bool) {
    is::<S, _>("retires", S::FACTS.retires, reclaims, "whether it implements Reclaim".to_string());
}

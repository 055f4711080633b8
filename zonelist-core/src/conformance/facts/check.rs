//! The checks that [`facts!`](crate::facts) makes a test of: a scheme's facts compared with measurements.

use core::fmt::Debug;
use std::{println, string::ToString};

use super::{
    PASSED, allocation, below_allocator, child,
    fork::{self, Child},
    freestanding::{Freestanding, freestanding},
    signals, threads,
};
use crate::{
    conformance::Sample,
    publish::{Parts, Scheme, SystemBarrier},
};

/// The barrier pair of the measurements: the fastest of this system.
type Pair = Parts<SystemBarrier>;

/// Compares a fact with a measurement.
fn is<S: Scheme, T: PartialEq + Debug>(fact: &str, declared: T, measured: T, how: impl Debug) {
    println!("{}: {fact} is {measured:?} ({how:?})", S::FACTS.scheme);
    assert_eq!(
        declared,
        measured,
        "{}: its FACTS.{fact} on the left, what was measured on the right: {how:?}",
        S::FACTS.scheme
    );
}

/// Compares a fact about what a scheme may do with a measurement. To declare less is no fault, since a use that works
/// once may fail another time.
fn may<S: Scheme>(fact: &str, declared: bool, measured: bool, how: impl Debug) {
    if measured && !declared {
        println!("{}: its FACTS.{fact} is false, and nothing went wrong: {how:?}", S::FACTS.scheme);
        return;
    }
    is::<S, _>(fact, declared, measured, how);
}

/// [`Facts::allocates`](crate::publish::Facts::allocates).
///
/// # Panics
/// If the fact differs from the measurement.
pub fn allocates<S: Scheme>(make: impl Fn() -> S) {
    let reached = allocation::reached::<S, Pair>(make, &Sample::one_node());
    is::<S, _>("allocates", S::FACTS.allocates, reached.fact(), reached);
}

/// [`Facts::registers`](crate::publish::Facts::registers).
///
/// # Panics
/// If the fact differs from the measurement.
pub fn registers<S: Scheme>(make: impl Fn() -> S) {
    is::<S, _>("registers", S::FACTS.registers, allocation::registers::<S, Pair>(make), "64 readers at once");
}

/// [`Facts::stalled_reader`](crate::publish::Facts::stalled_reader).
///
/// # Panics
/// If the fact differs from the measurement.
pub fn stalled_reader<S: Scheme>(make: impl Fn() -> S) {
    let (measured, kept) = allocation::stalled_reader::<S, Pair>(make, &Sample::one_node());
    let [few, many] = kept.map(|(publishes, bytes)| std::format!("{bytes} bytes kept by {publishes} publishes"));
    is::<S, _>("stalled_reader", S::FACTS.stalled_reader, measured, [few, many]);
}

/// [`Facts::after_fork`](crate::publish::Facts::after_fork).
///
/// # Panics
/// If the scheme declares the fact, and the measurement shows otherwise.
pub fn after_fork<S: Scheme>(make: impl Fn() -> S) {
    let child = fork::after_fork::<S, Pair>(make, &Sample::one_node());
    may::<S>("after_fork", S::FACTS.after_fork, child == Child::Walked, child);
}

/// The verdict of a function that ends its process: runs it in a child process.
fn alone(test: &str, scheme: &str, ends: impl FnOnce()) -> std::string::String {
    if child::subject().is_some() {
        ends();
        child::ends("returns without a verdict");
    }
    // The harness names a test without the name of its crate.
    child::verdict(test.split_once("::").map_or(test, |(_, name)| name), scheme)
}

/// [`Facts::interrupt_safe`](crate::publish::Facts::interrupt_safe).
///
/// # Panics
/// If the scheme declares the fact, and the measurement shows otherwise.
pub fn interrupt_safe<S: Scheme>(test: &str, make: impl Fn() -> S) {
    let verdict = alone(test, S::FACTS.scheme, || signals::walks_in_a_handler::<S, Pair>(make, &Sample::one_node()));
    may::<S>("interrupt_safe", S::FACTS.interrupt_safe, verdict == PASSED, verdict);
}

/// [`Facts::tls_destructor`](crate::publish::Facts::tls_destructor).
///
/// # Panics
/// If the scheme declares the fact, and the measurement shows otherwise.
pub fn tls_destructor<S: Scheme + Send + 'static>(test: &str, make: impl Fn() -> S) {
    let verdict = alone(test, S::FACTS.scheme, || threads::walks_in_a_destructor::<S, Pair>(make, &Sample::one_node()));
    may::<S>("tls_destructor", S::FACTS.tls_destructor, verdict == PASSED, verdict);
}

/// [`Facts::below_allocator`](crate::publish::Facts::below_allocator).
///
/// # Panics
/// If the scheme declares the fact, and the measurement shows otherwise.
pub fn below_allocator<S: Scheme + Send + 'static>(test: &str, make: impl Fn() -> S) {
    let verdict = alone(test, S::FACTS.scheme, || below_allocator::serves_the_program::<S, Pair>(make));
    may::<S>("below_allocator", S::FACTS.below_allocator, verdict == PASSED, verdict);
}

/// [`Facts::no_std`](crate::publish::Facts::no_std) and [`Facts::no_alloc`](crate::publish::Facts::no_alloc), of the
/// scheme's package without its default features. A scheme that needs no alloc never uses the heap.
///
/// # Panics
/// If the scheme declares either, and the measurement shows otherwise. Also if the package does not build.
pub fn no_alloc<S: Scheme>(package: &str, folder: &str, make: impl Fn() -> S) {
    let built = freestanding(package, folder);
    if let Freestanding::Fails(errors) = &built {
        panic!("{package} does not build without its default features:\n{errors}");
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

/// [`Facts::retires`](crate::publish::Facts::retires). `reclaims` is true if the scheme implements
/// [`Reclaim`](crate::publish::Reclaim).
///
/// # Panics
/// If the fact differs from the measurement.
pub fn retires<S: Scheme>(reclaims: bool) {
    is::<S, _>("retires", S::FACTS.retires, reclaims, "whether it implements Reclaim".to_string());
}

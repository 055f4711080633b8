//! The start of grace periods after a swap, and the waits for their ends.

use zonelist_core::{
    conformance::Unreliable,
    publish::{BarrierError, Parts, PublishError, Published, ReaderSlots, Version, WaitError, Writer},
};

use super::{
    ANY, node,
    support::{Kind, Puppet, Quiescing, Sectioned},
    versions,
};

/// Starts a grace period after each version, and waits for its end before the versions of the numbers in `waits`.
fn starts_and_waits<K: Kind>(waits: &'static [usize]) -> Puppet<K> {
    Puppet::on_publish(move |writer: &mut Writer<'_>| {
        if waits.contains(&writer.version().number()) {
            writer.wait_grace_period()?;
        }
        writer.start_grace_period();
        Ok(())
    })
}

/// A reader that has acknowledged one grace period walks again. Its acknowledgement does not count for the next one.
#[test]
fn a_walk_from_before_the_last_start_is_waited_for() {
    let published: Published<_> = Published::with_slots(starts_and_waits::<Quiescing>(&[3, 4]), ReaderSlots::boxed(1));
    let (lists, filter) = (versions(), published.filter(&ANY));
    let publish = || published.try_publish(&lists[0]);
    let mut reader = published.reader().unwrap();
    assert_eq!(publish(), Ok(Version::of(1)));
    reader.quiescent();
    let guard = reader.enter();
    let walk = guard.walk(node(), &filter);
    assert_eq!(publish(), Ok(Version::of(2)));
    for _ in 0..3 {
        assert_eq!(publish(), Err(PublishError::Busy), "a walk from before the last start goes on");
    }
    assert_eq!(walk.count(), 4);
    drop(guard);
    reader.quiescent();
    assert_eq!(publish(), Ok(Version::of(3)));
    reader.quiescent();
    assert_eq!(publish(), Ok(Version::of(4)), "no round is owed any more");
}

/// However many grace periods were started, two rounds of acknowledgements are enough.
#[test]
fn many_starts_need_two_acknowledgements() {
    let published: Published<_> = Published::with_slots(starts_and_waits::<Quiescing>(&[6]), ReaderSlots::boxed(1));
    let publish = || published.try_publish(&versions()[0]);
    let mut reader = published.reader().unwrap();
    for number in 1..6 {
        assert_eq!(publish(), Ok(Version::of(number)));
    }
    for _ in 0..2 {
        assert_eq!(publish(), Err(PublishError::Busy));
        reader.quiescent();
    }
    assert_eq!(publish(), Ok(Version::of(6)));
}

/// Every grace period that starts while a reader stays active waits for that reader.
#[test]
fn a_reader_that_stays_active_is_waited_for_after_every_start() {
    let published: Published<_> = Published::with_slots(starts_and_waits::<Sectioned>(&[4]), ReaderSlots::boxed(2));
    let publish = || published.try_publish(&versions()[0]);
    let mut reader = published.reader().unwrap();
    let guard = reader.enter();
    for number in 1..4 {
        assert_eq!(publish(), Ok(Version::of(number)));
    }
    assert_eq!(publish(), Err(PublishError::Busy));
    drop(guard);
    assert_eq!(publish(), Ok(Version::of(4)));
}

const ERROR: BarrierError = BarrierError { errno: 5 };

/// A grace period whose start failed is owed, however the publish ends that started it. The failure is reported once.
#[test]
fn a_start_that_fails_is_reported_and_owed_whatever_the_publish_returns() {
    let refuses = |writer: &mut Writer<'_>| {
        writer.start_grace_period();
        if writer.version() == Version::of(1) { Err(PublishError::Busy) } else { Ok(()) }
    };
    let published: Published<_, Parts<Unreliable>> =
        Published::with_platform(Puppet::<Sectioned>::on_publish(refuses), ReaderSlots::boxed(1));
    let lists = versions();
    assert_eq!(Unreliable::failing(5, || published.publish(&lists[0])), (Err(PublishError::Busy), 1));
    assert_eq!(published.publish(&lists[0]), Err(PublishError::Barrier(ERROR)));
    assert_eq!(published.publish(&lists[0]), Err(PublishError::Busy));
    assert_eq!(published.synchronize(), Ok::<(), WaitError>(()), "it is reported once");
}

/// A reader acknowledges the phase of a `synchronize` that fails, and walks on. The grace period after the next version
/// has another phase: else that acknowledgement would count for it.
#[test]
fn an_acknowledgement_of_a_failed_round_does_not_count_for_the_next() {
    for failures in 1..3 {
        let published: Published<_, Parts<Unreliable>> =
            Published::with_platform(starts_and_waits::<Quiescing>(&[2]), ReaderSlots::boxed(1));
        let publish = || published.try_publish(&versions()[0]);
        let mut reader = published.reader().unwrap();
        for _ in 0..failures {
            let (failed, _) = Unreliable::failing(5, || published.synchronize());
            assert_eq!(failed, Err(WaitError::Barrier(ERROR)));
        }
        reader.quiescent();
        let guard = reader.enter();
        assert_eq!(publish(), Ok(Version::of(1)));
        for _ in 0..3 {
            assert_eq!(publish(), Err(PublishError::Busy), "a walk from before the swap goes on");
        }
        drop(guard);
        reader.quiescent();
        assert_eq!(publish(), Ok(Version::of(2)));
    }
}

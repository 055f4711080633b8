//! What a scheme asks of readers behind its swap, and when that is settled.

use zonelist_core::{
    conformance::Unreliable,
    publish::{BarrierError, FullFence, PublishError, Published, Version, WaitError, Writer},
};

use super::{
    ANY, node,
    support::{Kind, Puppet, Quiescing, Sectioned},
    versions,
};

/// Asks behind each version, and settles before those of these numbers.
fn asks<K: Kind>(settles: &'static [usize]) -> Puppet<K> {
    Puppet::on_publish(move |writer: &mut Writer<'_>| {
        if settles.contains(&writer.version().number()) {
            writer.wait_grace_period()?;
        }
        writer.start_grace_period();
        Ok(())
    })
}

/// A reader that has answered one question walks again, and is asked the next: its answer to the first is none to that.
#[test]
fn a_walk_from_before_the_last_question_is_waited_for() {
    let published: Published<_, FullFence, 1> = Published::new(asks::<Quiescing>(&[3, 4]));
    let (lists, filter) = (versions(), published.filter(&ANY));
    let publish = || published.try_publish(&lists[0]);
    let mut reader = published.reader().unwrap();
    assert_eq!(publish(), Ok(Version::of(1)));
    reader.quiescent();
    let guard = reader.enter();
    let walk = guard.walk(node(), &filter);
    assert_eq!(publish(), Ok(Version::of(2)));
    for _ in 0..3 {
        assert_eq!(publish(), Err(PublishError::Busy), "a walk from before the last question goes on");
    }
    assert_eq!(walk.count(), 4);
    drop(guard);
    reader.quiescent();
    assert_eq!(publish(), Ok(Version::of(3)));
    reader.quiescent();
    assert_eq!(publish(), Ok(Version::of(4)), "nothing is owed any more");
}

/// However often it is asked, two rounds of answers are enough.
#[test]
fn many_questions_are_settled_by_two_answers() {
    let published: Published<_, FullFence, 1> = Published::new(asks::<Quiescing>(&[6]));
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

/// A reader that stays inside is owed by all questions that were asked meanwhile.
#[test]
fn a_reader_that_stays_inside_is_waited_for_behind_every_question() {
    let published: Published<_, FullFence, 2> = Published::new(asks::<Sectioned>(&[4]));
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

/// A question that failed is owed, however the call ends that it was asked in; and the failure is reported once.
#[test]
fn a_question_that_fails_is_reported_and_owed_whatever_becomes_of_the_publish() {
    let refuses = |writer: &mut Writer<'_>| {
        writer.start_grace_period();
        if writer.version() == Version::of(1) { Err(PublishError::Busy) } else { Ok(()) }
    };
    let published: Published<_, Unreliable, 1> = Published::new(Puppet::<Sectioned>::on_publish(refuses));
    let lists = versions();
    assert_eq!(Unreliable::failing(5, || published.publish(&lists[0])), (Err(PublishError::Busy), 1));
    assert_eq!(published.publish(&lists[0]), Err(PublishError::Barrier(ERROR)));
    assert_eq!(published.publish(&lists[0]), Err(PublishError::Busy));
    assert_eq!(published.synchronize(), Ok::<(), WaitError>(()), "it is reported once");
}

/// A reader answers the question of a `synchronize` that fails, and walks on. The question behind the next version is
/// another one, or its answer would be taken for one to that.
#[test]
fn an_answer_to_a_question_that_failed_is_none_to_the_next() {
    for failures in 1..3 {
        let published: Published<_, Unreliable, 1> = Published::new(asks::<Quiescing>(&[2]));
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

//! A scheduler that stops one thread at a given step.

use std::vec::Vec;

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

use crate::sync::control::Control;

/// Draws the next thread at random from a seed. The victim runs for [`Control::point`] steps, and then not until its
/// release.
#[derive(Debug)]
pub(super) struct Stopping {
    draw: u64,
    begun: bool,
}

impl Stopping {
    pub(super) fn new(seed: u64) -> Self {
        Self { draw: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, begun: false }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.draw ^= self.draw << 13;
        self.draw ^= self.draw >> 7;
        self.draw ^= self.draw << 17;
        (self.draw % limit as u64) as usize
    }

    fn one_of(&mut self, tasks: &[TaskId]) -> Option<TaskId> {
        (!tasks.is_empty()).then(|| tasks[self.below(tasks.len())])
    }
}

impl Scheduler for Stopping {
    fn new_execution(&mut self) -> Option<Schedule> {
        (!core::mem::replace(&mut self.begun, true)).then(|| Schedule::new(0))
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, is_yielding: bool) -> Option<TaskId> {
        Control::with(|control| {
            let is_victim = |task: &TaskId| control.victim == Some(usize::from(*task));
            let (victim, mut others): (Vec<TaskId>, Vec<TaskId>) =
                runnable.iter().map(|task| task.id()).partition(is_victim);
            // A thread that yields does not run again at once.
            if is_yielding && runnable.len() > 1 {
                others.retain(|task| Some(*task) != current);
            }
            let Some(&victim) = victim.first() else { return self.one_of(&others).or(current) };
            let may_run = control.released || !control.held;
            if !may_run && !others.is_empty() {
                return self.one_of(&others);
            }
            if !may_run {
                // Either the thread that yielded is the only other, or all others wait to join the victim.
                let other = runnable.iter().map(|task| task.id()).find(|task| *task != victim);
                control.released |= other.is_none();
                return other.or(Some(victim));
            }
            if self.below(others.len() + 1) > 0 {
                return self.one_of(&others);
            }
            // The victim runs its next step, or is stopped before it.
            if !control.released {
                if control.point == 0 {
                    control.held = true;
                    return self
                        .one_of(&others)
                        .or_else(|| runnable.iter().map(|t| t.id()).find(|t| *t != victim))
                        .or(Some(victim));
                }
                control.point -= 1;
            }
            Some(victim)
        })
    }

    fn next_u64(&mut self) -> u64 {
        0
    }
}

//! Interleaved rounds of trials, and the medians of their ratios.

use zonelist_schemes::measure::median;

use super::{
    Contender, Left, Outcome, Trial,
    course::{Course, Cpus, TrialError},
};

/// Everything that is run on pools of one size.
#[derive(Debug)]
pub struct Rounds<'c> {
    contenders: &'c [Contender],
    tracks: Vec<Track>,
    frames: usize,
    seed: u64,
    cpus: &'c Cpus,
    done: u32,
}

/// A trial's outcomes.
#[derive(Debug)]
struct Track {
    trial: Trial,
    /// A row a round: the floor, then the contenders.
    rows: Vec<Vec<Option<Outcome>>>,
}

/// A trial that failed.
#[derive(Debug, thiserror::Error)]
#[error("{contender}, trial {trial}: {error}")]
pub struct RoundError {
    /// Whose pool it was.
    pub contender: &'static str,
    /// The trial's key.
    pub trial: &'static str,
    /// What went wrong.
    #[source]
    pub error: TrialError,
}

/// Medians of one contender in one trial.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct Cost {
    /// Nanoseconds of an operation: in (e) of one, elsewhere of an allocation and a free.
    pub ns: f64,
    /// To the floor in the same round, where the trial has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// Requests that were refused in all rounds.
    pub refused: u64,
}

impl<'c> Rounds<'c> {
    /// Trials that are to be run; those with more threads than there are CPUs are left out.
    #[must_use]
    pub fn new(contenders: &'c [Contender], trials: &[Trial], frames: usize, seed: u64, cpus: &'c Cpus) -> Self {
        let run = trials.iter().filter(|trial| trial.threads <= cpus.count());
        let tracks = run.map(|&trial| Track { trial, rows: Vec::new() }).collect();
        Self { contenders, tracks, frames, seed, cpus, done: 0 }
    }

    /// Frames of each pool.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Who is compared.
    #[must_use]
    pub fn contenders(&self) -> &'c [Contender] {
        self.contenders
    }

    /// The trials that are run.
    pub fn trials(&self) -> impl Iterator<Item = Trial> {
        self.tracks.iter().map(|track| track.trial)
    }

    /// Runs everything once; `tick` is told of each trial of each contender, and of the floor's.
    ///
    /// # Errors
    /// A trial fails.
    pub fn round(&mut self, mut tick: impl FnMut(Trial, &'static str)) -> Result<(), RoundError> {
        let seed = self.seed.wrapping_add(self.done.into());
        for track in &mut self.tracks {
            let course = Course { frames: self.frames, threads: track.trial.threads, seed, cpus: self.cpus };
            let count = self.contenders.len() + 1;
            let mut row = vec![None; count];
            for i in 0..count {
                let turn = (i + self.done as usize) % count;
                let contender = turn.checked_sub(1).map(|place| &self.contenders[place]);
                let name = contender.map_or("floor", |contender| contender.name);
                tick(track.trial, name);
                row[turn] = match contender {
                    None => track.trial.run_floor(&course),
                    Some(contender) => contender.run(track.trial, &course),
                }
                .map_err(|error| RoundError { contender: name, trial: track.trial.key(), error })?;
            }
            track.rows.push(row);
        }
        self.done += 1;
        Ok(())
    }

    /// The floor's median time.
    #[must_use]
    pub fn floor(&self, trial: Trial) -> Option<f64> {
        self.track(trial)?.median(|row| each(row, Track::FLOOR))
    }

    /// A contender's medians, and all refusals together.
    #[must_use]
    pub fn cost(&self, trial: Trial, name: &str) -> Option<Cost> {
        let (track, place) = (self.track(trial)?, self.place(name)?);
        let ns = track.median(|row| each(row, place))?;
        let ratio = track.ratio(place, Track::FLOOR);
        let refused = track.rows.iter().filter_map(|row| Some(row[place]?.span.refused)).sum();
        Some(Cost { ns, ratio, refused })
    }

    /// The median of a contender's ratios to a peer.
    #[must_use]
    pub fn to_peer(&self, trial: Trial, name: &str, peer: &str) -> Option<f64> {
        self.track(trial)?.ratio(self.place(name)?, self.place(peer)?)
    }

    /// The medians of a contender's shares of blocks that were left.
    #[must_use]
    pub fn left(&self, trial: Trial, name: &str) -> Option<Left> {
        let (track, place) = (self.track(trial)?, self.place(name)?);
        let mixed = track.median(|row| Some(row[place]?.left?.mixed))?;
        let unmovable = track.median(|row| Some(row[place]?.left?.unmovable))?;
        Some(Left { mixed, unmovable })
    }

    fn track(&self, trial: Trial) -> Option<&Track> {
        self.tracks.iter().find(|track| track.trial == trial)
    }

    fn place(&self, name: &str) -> Option<usize> {
        Some(self.contenders.iter().position(|contender| contender.name == name)? + 1)
    }
}

impl Track {
    const FLOOR: usize = 0;

    fn median(&self, value: impl Fn(&[Option<Outcome>]) -> Option<f64>) -> Option<f64> {
        median(self.rows.iter().filter_map(|row| value(row)).collect())
    }

    fn ratio(&self, of: usize, to: usize) -> Option<f64> {
        self.median(|row| Some(each(row, of)? / each(row, to)?).filter(|ratio| ratio.is_finite()))
    }
}

fn each(row: &[Option<Outcome>], place: usize) -> Option<f64> {
    Some(row[place]?.span.each())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Span, all};

    const HOT: Trial = Trial { kind: Kind::Hot, threads: 1 };

    /// Rounds with these times of the floor and of the first two contenders.
    fn recorded(cpus: &Cpus, times: &[[u64; 3]]) -> Track {
        let contenders = all();
        let mut rounds = Rounds::new(&contenders[..2], &[HOT], 1024, 1, cpus);
        let outcome = |ns| Some(Outcome { span: Span { ns, ops: 1, refused: 1 }, left: None });
        rounds.tracks[0].rows = times.iter().map(|row| row.map(outcome).to_vec()).collect();
        rounds.tracks.remove(0)
    }

    #[test]
    fn the_ratio_is_the_median_of_ratios() {
        let cpus = Cpus::here().unwrap();
        // The machine slows down from round to round; the ratios to the floor are 3, 2, 2.
        let track = recorded(&cpus, &[[10, 30, 10], [20, 40, 20], [50, 100, 400]]);
        assert_eq!(track.median(|row| each(row, 1)), Some(40.0));
        assert_eq!(track.ratio(1, Track::FLOOR), Some(2.0));
        assert_eq!(track.ratio(2, Track::FLOOR), Some(1.0));
        assert_eq!(track.ratio(1, 2), Some(2.0));
    }

    #[test]
    fn a_median_of_nothing_is_none() {
        let cpus = Cpus::here().unwrap();
        assert_eq!(recorded(&cpus, &[]).ratio(1, Track::FLOOR), None);
        assert_eq!(recorded(&cpus, &[[0, 1, 1]]).ratio(1, Track::FLOOR), None, "no infinity");
    }

    #[test]
    fn refusals_add_up_over_rounds() {
        let cpus = Cpus::here().unwrap();
        let contenders = all();
        let mut rounds = Rounds::new(&contenders[..2], &[HOT], 1024, 1, &cpus);
        rounds.tracks[0] = recorded(&cpus, &[[10, 30, 10], [20, 40, 20]]);
        assert_eq!(rounds.cost(HOT, contenders[0].name).unwrap().refused, 2);
        assert_eq!(rounds.cost(HOT, "nobody"), None);
    }

    #[test]
    fn trials_of_more_threads_than_cpus_are_left_out() {
        let cpus = Cpus::here().unwrap();
        let many = Trial { kind: Kind::Hot, threads: cpus.count() + 1 };
        assert_eq!(Rounds::new(&all(), &[HOT, many], 1024, 1, &cpus).trials().collect::<Vec<_>>(), [HOT]);
    }
}

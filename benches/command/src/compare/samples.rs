//! Timed reads and allocations in several fresh processes.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    io,
    process::{Command, ExitStatus, Stdio},
};

use zonelist_contenders::{
    publishes::{PublishSample, PublishTimes, peers_of},
    statistics::{BaselineEstimate, Estimate, Figure},
    timing::{Sample, Timed},
};

/// The hidden option by which a process times one sample and prints it as JSON. Its value is the sample's number.
const OPTION: &str = "--sample";

/// The samples of several processes.
#[derive(Clone, Debug)]
pub struct Samples(Vec<Sample>);

/// Selects a publisher of a process.
type Pick<'a> = dyn Fn(&PublishSample) -> Option<PublishTimes> + 'a;

/// A process that gave no sample.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The process could not be started.
    #[error("this program could not be started again for a sample: {0}")]
    Start(#[source] io::Error),
    /// The process failed.
    #[error("the process of sample {number} ended with {status}: {message}")]
    Process {
        /// The sample's number.
        number: u32,
        /// The exit status.
        status: ExitStatus,
        /// What it wrote to stderr.
        message: String,
    },
    /// The process printed something else.
    #[error("the process of sample {number} printed no sample: {error}")]
    Format {
        /// The sample's number.
        number: u32,
        /// The error at that place.
        #[source]
        error: serde_json::Error,
    },
}

impl Samples {
    /// Runs this program once for each sample, with the same arguments, one process after the other. Calls `done` after
    /// each.
    ///
    /// # Errors
    /// A process can't be started, fails, or prints no sample.
    pub fn measure(processes: u32, mut done: impl FnMut()) -> Result<Self, SampleError> {
        let program = env::current_exe().map_err(SampleError::Start)?;
        let arguments: Vec<OsString> = env::args_os().skip(1).collect();
        let mut samples = Vec::new();
        for number in 0..processes {
            let mut process = Command::new(&program);
            process.args(&arguments).args([OPTION, &number.to_string()]).stdin(Stdio::null());
            let output = process.output().map_err(SampleError::Start)?;
            if !output.status.success() {
                let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(SampleError::Process { number, status: output.status, message });
            }
            let sample = serde_json::from_slice(&output.stdout);
            samples.push(sample.map_err(|error| SampleError::Format { number, error })?);
            done();
        }
        Ok(Self(samples))
    }

    /// The samples, not measured.
    #[cfg(test)]
    pub(super) fn of(samples: Vec<Sample>) -> Self {
        Self(samples)
    }

    /// The count of processes.
    #[must_use]
    pub fn processes(&self) -> usize {
        self.0.len()
    }

    /// The baseline's figures.
    #[must_use]
    pub fn raw(&self) -> Timed<BaselineEstimate> {
        Timed::figures(&self.0.iter().map(|sample| &sample.raw).collect::<Vec<_>>())
    }

    /// The figures of the scheme at this place of the selection.
    #[must_use]
    pub fn scheme(&self, place: usize) -> Timed<Estimate> {
        Timed::figures(&self.0.iter().filter_map(|sample| sample.schemes.get(place)).collect::<Vec<_>>())
    }

    /// The publishes of the scheme at this place.
    #[must_use]
    pub fn publishes(&self, place: usize) -> Option<PublishTimes<BaselineEstimate>> {
        self.publishes_by(|sample| *sample.schemes.get(place)?, None)
    }

    /// The publishes of the peer at this place.
    #[must_use]
    pub fn peer_publishes(&self, place: usize) -> Option<PublishTimes<BaselineEstimate>> {
        self.publishes_by(|sample| *sample.peers.get(place)?, None)
    }

    /// The publishes of the scheme at this place, as ratios to those of its peers in the same process.
    #[must_use]
    pub fn publishes_to_peers(&self, place: usize, scheme: &str) -> BTreeMap<&'static str, PublishTimes<Estimate>> {
        let to = |&peer: &&'static str| {
            let other = |sample: &PublishSample| sample.peer(peer, place);
            Some((peer, self.publishes_by(|sample| *sample.schemes.get(place)?, Some(&other))?))
        };
        peers_of(scheme).iter().filter_map(to).collect()
    }

    /// The figures of a publisher, as ratios to those of another one, or to its own.
    fn publishes_by<F: Figure>(
        &self,
        one: impl Fn(&PublishSample) -> Option<PublishTimes>,
        other: Option<&Pick<'_>>,
    ) -> Option<PublishTimes<F>> {
        let times = |sample: &Sample| {
            let one = one(&sample.publishes)?;
            Some(one.to(other.map_or(Some(one), |other| other(&sample.publishes))?))
        };
        PublishTimes::figures(&self.0.iter().filter_map(times).collect::<Vec<_>>())
    }

    /// The figures of the peer at this place, after those of the baseline of its language.
    #[must_use]
    pub fn peer(&self, place: usize) -> (Timed<BaselineEstimate>, Timed<Estimate>) {
        let [raw, peer] = [0, 1]
            .map(|which| self.0.iter().filter_map(|sample| Some(&sample.peers.get(place)?[which])).collect::<Vec<_>>());
        (Timed::figures(&raw), Timed::figures(&peer))
    }
}

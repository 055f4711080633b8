//! A histogram of times, with quantiles that it has enough samples for.

use hdrhistogram::{CreationError, Histogram};

/// Times in a unit of the caller, from 1 to 6e13 units. A quantile is exact to 1 %, and to the unit below 256.
#[derive(Clone, Debug)]
pub struct Times(Histogram<u64>);

impl Times {
    /// The largest value that is kept: a minute in picoseconds. Larger ones count as this one.
    const LARGEST: u64 = 60_000_000_000_000;

    /// An empty histogram.
    ///
    /// # Errors
    /// The histogram can't be made with these bounds.
    pub fn new() -> Result<Self, CreationError> {
        Histogram::new_with_bounds(1, Self::LARGEST, 2).map(Self)
    }

    /// Adds a time.
    pub fn record(&mut self, time: u64) {
        self.0.saturating_record(time);
    }

    /// Adds all times of another histogram.
    pub fn add(&mut self, other: &Self) {
        // Both have the same bounds, so every value fits.
        let added = self.0.add(&other.0);
        debug_assert!(added.is_ok(), "{added:?}");
    }

    /// The number of times.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The least time of which this share of all is not greater. `None` if there are so few times that less than one is
    /// expected to be greater.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let beyond = self.count() as f64 * (1.0 - quantile);
        // A little less than one, since 1 - 0.99 is not 0.01.
        (beyond > 0.999).then(|| self.0.value_at_quantile(quantile))
    }

    /// The largest time; `None` without one.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        (!self.0.is_empty()).then(|| self.0.max())
    }

    /// The share of times that are greater than `limit`; `None` without a time.
    #[must_use]
    pub fn share_above(&self, limit: u64) -> Option<f64> {
        self.share(limit, |_| 1.0)
    }

    /// The share that the times greater than `limit` have in the sum of all times; `None` without a time.
    #[must_use]
    pub fn sum_share_above(&self, limit: u64) -> Option<f64> {
        self.share(limit, |time| time as f64)
    }

    /// The share of the times above a limit in all, each with its weight.
    fn share(&self, limit: u64, weight: impl Fn(u64) -> f64) -> Option<f64> {
        let (mut above, mut all) = (0.0, 0.0);
        for it in self.0.iter_recorded() {
            let weight = it.count_at_value() as f64 * weight(it.value_iterated_to());
            all += weight;
            above += if it.value_iterated_to() > limit { weight } else { 0.0 };
        }
        (all > 0.0).then(|| above / all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(values: impl IntoIterator<Item = u64>) -> Times {
        let mut times = Times::new().unwrap();
        values.into_iter().for_each(|value| times.record(value));
        times
    }

    #[test]
    fn a_quantile_needs_a_sample_beyond_it() {
        assert_eq!((times([]).quantile(0.5), times([]).max(), times([]).share_above(0)), (None, None, None));
        assert_eq!((times([7]).quantile(0.5), times([7]).max()), (None, Some(7)));
        assert_eq!(times([7, 9]).quantile(0.5), Some(7));
        assert_eq!(times(0..99).quantile(0.99), None);
        assert_eq!(times(0..100).quantile(0.99), Some(98));
        assert_eq!(times(0..1000).quantile(0.9999), None);
    }

    #[test]
    fn added_histograms_have_the_samples_of_both() {
        let mut sum = times(1..=100);
        sum.add(&times([200; 50]));
        assert_eq!((sum.count(), sum.quantile(0.5), sum.max()), (150, Some(75), Some(200)));
        assert_eq!(sum.share_above(100), Some(50.0 / 150.0));
        assert_eq!(sum.share_above(200), Some(0.0));
        assert_eq!(times([10, 10, 10, 70]).sum_share_above(10), Some(0.7));
    }

    #[test]
    fn a_time_beyond_the_bounds_counts_as_the_largest() {
        let times = times([u64::MAX]);
        assert!(times.max().unwrap() >= Times::LARGEST);
    }
}

//! The power of a number that fits its costs best.

use serde::Serialize;

use crate::statistics::student_t;

/// `cost = c · number^exponent`, by least squares of the logarithms.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Fit {
    /// The exponent: 0 if the cost does not grow, 1 if it grows as the number does.
    pub exponent: f64,
    /// Half the width of its 95 % interval, by the points' distances from the line. It contains no variation between
    /// processes. Absent with fewer than three points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub half_width: Option<f64>,
    /// The share of the variance of the logarithms that the line explains: near 0 also where nothing grows.
    pub r_squared: f64,
}

impl Fit {
    /// The fit of points `(number, cost)`. `None` with fewer than two numbers, or if a cost is 0.
    #[must_use]
    pub fn of(points: &[(f64, f64)]) -> Option<Self> {
        let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
        if logs.iter().any(|(x, y)| !x.is_finite() || !y.is_finite()) {
            return None;
        }
        let n = logs.len() as f64;
        let (mean_x, mean_y) = logs.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
        let sums = logs.iter().map(|(x, y)| (x - mean_x, y - mean_y));
        let [xx, xy, yy] = sums.fold([0.0; 3], |[xx, xy, yy], (x, y)| [xx + x * x, xy + x * y, yy + y * y]);
        if xx == 0.0 || logs.is_empty() {
            return None;
        }
        let exponent = xy / xx;
        // Rounding may leave less than nothing.
        let rest = (yy - exponent * xy).max(0.0);
        let degrees = logs.len().checked_sub(2).filter(|&degrees| degrees > 0);
        let half_width = degrees.map(|degrees| student_t(degrees) * (rest / degrees as f64 / xx).sqrt());
        Some(Self { exponent, half_width, r_squared: if yy == 0.0 { 0.0 } else { 1.0 - rest / yy } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(cost: impl Fn(f64) -> f64) -> Fit {
        Fit::of(&[1.0, 4.0, 16.0, 64.0].map(|x| (x, cost(x)))).unwrap()
    }

    #[test]
    fn a_power_is_fitted_exactly() {
        for exponent in [-1.0, 0.5, 1.0, 2.0] {
            let fit = fit(|x| 3.0 * x.powf(exponent));
            assert!((fit.exponent - exponent).abs() < 1e-9 && fit.half_width.unwrap() < 1e-6, "{fit:?}");
            assert!((fit.r_squared - 1.0).abs() < 1e-9, "{fit:?}");
        }
        assert_eq!(fit(|_| 5.0), Fit { exponent: 0.0, half_width: Some(0.0), r_squared: 0.0 });
    }

    /// By hand: logarithms (0, 0), (1, 1), (2, 1), slope 0.5, rest 1/6, t of one degree 12.706.
    #[test]
    fn the_interval_is_that_of_least_squares() {
        let e = std::f64::consts::E;
        let fit = Fit::of(&[(1.0, 1.0), (e, e), (e * e, e)]).unwrap();
        assert!((fit.exponent - 0.5).abs() < 1e-9, "{fit:?}");
        let half = 12.706 * (1.0_f64 / 6.0 / 2.0).sqrt();
        assert!((fit.half_width.unwrap() - half).abs() < 1e-6 && (fit.r_squared - 0.75).abs() < 1e-9, "{fit:?}");
    }

    #[test]
    fn too_few_points_or_a_cost_of_nothing_have_no_fit() {
        for points in [&[][..], &[(1.0, 2.0)], &[(2.0, 1.0), (2.0, 3.0)], &[(1.0, 0.0), (2.0, 1.0)]] {
            assert_eq!(Fit::of(points), None);
        }
        assert_eq!(Fit::of(&[(1.0, 1.0), (2.0, 2.0)]).unwrap().half_width, None);
    }
}

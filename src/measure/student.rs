//! Student's t distribution, and what several runs of one cell say together.

/// Stands in for 0 where the continued fraction would divide by it.
const TINY: f64 = 1e-300;

/// Mean and spread of one number over several runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Number of runs.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation (divisor `n - 1`); absent for a single run.
    pub deviation: Option<f64>,
    /// Student's 95 % interval of the mean; absent for a single run.
    pub interval: Option<(f64, f64)>,
}

impl Spread {
    /// Returns mean and spread of numbers; absent where there is none.
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let n = numbers.len();
        if n == 0 {
            return None;
        }
        let mean = numbers.iter().sum::<f64>() / n as f64;
        if n == 1 {
            return Some(Self { n, mean, deviation: None, interval: None });
        }
        let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
        let deviation = (squares / (n - 1) as f64).sqrt();
        let half = quantile(0.975, (n - 1) as f64) * deviation / (n as f64).sqrt();
        let interval = Some((mean - half, mean + half));
        Some(Self { n, mean, deviation: Some(deviation), interval })
    }
}

/// Returns the `t` below which a share (between 0 and 1) of Student's distribution with `freedom`
/// degrees of freedom (above 0) lies.
pub fn quantile(share: f64, freedom: f64) -> f64 {
    if share < 0.5 {
        return -quantile(1.0 - share, freedom);
    }
    let mut high = 1.0;
    while distribution(high, freedom) < share && high < 1e300 {
        high *= 2.0;
    }
    let mut low = 0.0;
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return middle;
        }
        if distribution(middle, freedom) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// Returns the share of Student's distribution with `freedom` degrees of freedom below `t`.
pub fn distribution(t: f64, freedom: f64) -> f64 {
    let tail = incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t)) / 2.0;
    if t < 0.0 { tail } else { 1.0 - tail }
}

/// Returns the regularised incomplete beta function `I_x(a, b)` by its continued fraction (DLMF
/// 8.17.22), evaluated as Lentz (1976) does.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let front =
        (log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    let away = |number: f64| if number.abs() < TINY { TINY } else { number };
    let (mut fraction, mut c, mut d) = (1.0_f64, 1.0_f64, 0.0_f64);
    for step in 0..10_000_u32 {
        let m = f64::from(step / 2);
        let numerator = match step {
            0 => 1.0,
            _ if step % 2 == 0 => m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            _ => -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        };
        d = 1.0 / away(1.0 + numerator * d);
        c = away(1.0 + numerator / c);
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    front * (fraction - 1.0) / a
}

/// Returns the logarithm of the gamma function above 0, by Stirling's series (DLMF 5.11.1) above 15
/// and the recurrence below.
pub(crate) fn log_gamma(number: f64) -> f64 {
    let (mut x, mut shift) = (number, 0.0);
    while x < 15.0 {
        shift += x.ln();
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = 1.0 / 12.0
        - square
            * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0)));
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series / x - shift
}

#[cfg(test)]
mod tests {
    use super::Spread;
    use super::log_gamma;

    #[test]
    fn one_run_has_no_spread() {
        assert_eq!(Spread::of(&[]), None);
        let one = Spread::of(&[0.5]).unwrap();
        assert_eq!((one.mean, one.deviation, one.interval), (0.5, None, None));
    }

    #[test]
    fn the_gamma_function_goes_on_from_the_factorials() {
        let mut factorial = 0.0_f64;
        for number in 1..30 {
            assert!((log_gamma(f64::from(number)) - factorial).abs() < 1e-12 * factorial.max(1.0));
            factorial += f64::from(number).ln();
        }
        assert!((log_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-13);
    }
}

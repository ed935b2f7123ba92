//! Power: which differences a study of its size can tell from noise.

use crate::measure::accuracy::Z;

/// Normal quantile of 80 %, the usual power.
const POWER: f64 = 0.841_621_233_572_914_2;

/// Returns the smallest difference whose two-sided 95 % interval leaves out 0: `z(97.5 %) error`, where
/// `error` is the standard error of the difference.
pub fn smallest_told(error: f64) -> f64 {
    Z * error
}

/// Returns the smallest true difference that four of five such studies tell from noise, the minimum
/// detectable difference: `(z(97.5 %) + z(80 %)) error` (Cohen, 1988).
pub fn smallest_found(error: f64) -> f64 {
    (Z + POWER) * error
}

#[cfg(test)]
mod tests {
    use super::smallest_found;
    use super::smallest_told;

    #[test]
    fn discordant_images_decide_what_a_paired_study_can_tell() {
        // 400 images of which a share is answered differently: the standard error is sqrt(share / 400).
        let told = [0.1_f64, 0.2, 0.3].map(|share| smallest_told((share / 400.0).sqrt()));
        assert_eq!(told.map(|told| (1000.0 * told).round()), [31.0, 44.0, 54.0]);
        assert!((smallest_found(1.0) - 2.8016).abs() < 1e-4);
    }
}

//! Signs in a history that a training is past saving, and what to do about it.
//!
//! Knows numbers; does not know networks.

use crate::artifact::History;
use crate::stage::StageError;

/// A loss that no training comes back from.
const EXPLODED: f64 = 1e6;
/// Diversity that a working generator reaches: a share of that of the real images.
const DIVERSE: f64 = 0.05;
/// Diversity of one that makes the same image over and over.
const COLLAPSED: f64 = 0.005;

/// Refuses a loss that is no number, or larger than any that makes sense.
pub(in crate::ml) fn check_loss(history: &History, column: &str) -> Result<(), StageError> {
    let Some(&loss) =
        history.column(column).unwrap_or_default().last().filter(|loss| is_lost(**loss))
    else {
        return Ok(());
    };
    let name = column.replace('_', " ");
    let problem = format!("the {name} is {loss} after epoch {}", history.rows.len());
    let help = "lower the learning rate; with `precision: bf16`, try `fp32`";
    Err(StageError::data(problem).help(help))
}

/// Refuses a GAN whose critic tells nothing apart, or whose generator, once diverse, makes one image.
pub(in crate::ml) fn check_gan(history: &History) -> Result<(), StageError> {
    check_loss(history, "critic_loss")?;
    let epoch = history.rows.len();
    let last = |column: &str| history.column(column).unwrap_or_default().last().copied();
    if last("wasserstein") == Some(0.0) {
        let problem =
            format!("the critic scores all images the same in epoch {epoch}, so nobody learns");
        let help = "widen `clip`, or take `spectral_norm` or `gradient_penalty` in its place; lower the learning rate";
        return Err(StageError::data(problem).help(help));
    }
    let diversity = history.column("diversity").unwrap_or_default();
    let was = diversity.iter().copied().fold(0.0, f64::max);
    match diversity.last() {
        Some(&now) if was >= DIVERSE && now < COLLAPSED => {
            let problem = format!(
                "the generator makes one image over and over after epoch {epoch}: its images differ by {:.2} % of what real ones do, and did by {:.0} %",
                now * 100.0,
                was * 100.0
            );
            let help = "take more `critic_steps`, `spectral_norm` or `gradient_penalty` in the place of `clip`, `diff_augment`, or a lower learning rate";
            Err(StageError::data(problem).help(help))
        }
        _ => Ok(()),
    }
}

fn is_lost(loss: f64) -> bool {
    !loss.is_finite() || loss.abs() > EXPLODED
}

#[cfg(test)]
mod tests {
    use super::History;
    use super::check_gan;
    use super::check_loss;
    use crate::stage::StageError;

    const NAN: f64 = f64::NAN;

    fn said(result: Result<(), StageError>) -> String {
        match result {
            Ok(()) => "well".to_owned(),
            Err(error) => format!("{error}; {}", error.remedy().unwrap_or_default()),
        }
    }

    /// Judges the last of some epochs of critic loss, distance and diversity.
    fn judged(rows: &[[f64; 3]]) -> String {
        let mut history = History::new(&["epoch", "critic_loss", "wasserstein", "diversity"]);
        for (epoch, [loss, distance, diversity]) in rows.iter().enumerate() {
            history.push(vec![epoch as f64 + 1.0, *loss, *distance, *diversity]);
        }
        said(check_gan(&history))
    }

    #[test]
    fn trainings_past_saving_are_told_with_advice_and_others_go_on() {
        let young = [[-0.1, 0.1, 0.001], [-0.2, 0.2, NAN]];
        assert_eq!(judged(&young), "well");
        assert_eq!(judged(&[[-0.1, 0.1, 0.3], [-0.2, 0.2, NAN], [-0.2, 0.2, 0.02]]), "well");
        let all = [
            judged(&[[-0.1, 0.1, NAN], [NAN, NAN, NAN]]),
            judged(&[[-3e6, 3e6, NAN]]),
            judged(&[[0.0, 0.0, NAN]]),
            judged(&[[-0.1, 0.1, 0.3], [-0.2, 0.2, 0.001]]),
        ];
        insta::assert_snapshot!(all.join("\n"), @"
        the critic loss is NaN after epoch 2; lower the learning rate; with `precision: bf16`, try `fp32`
        the critic loss is -3000000 after epoch 1; lower the learning rate; with `precision: bf16`, try `fp32`
        the critic scores all images the same in epoch 1, so nobody learns; widen `clip`, or take `spectral_norm` or `gradient_penalty` in its place; lower the learning rate
        the generator makes one image over and over after epoch 2: its images differ by 0.10 % of what real ones do, and did by 30 %; take more `critic_steps`, `spectral_norm` or `gradient_penalty` in the place of `clip`, `diff_augment`, or a lower learning rate
        ");
    }

    #[test]
    fn a_history_without_epochs_is_well() {
        assert_eq!(said(check_loss(&History::new(&["epoch", "loss"]), "loss")), "well");
    }
}

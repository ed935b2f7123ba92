//! GANs that several runs of one cell share: what another training of them would change is in no interval.

use serde::Serialize;

use crate::report::grid::Grid;

/// A GAN whose images reached more than one run of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedGan {
    /// The task that trained it.
    pub gan: String,
    /// Names of the rows with such cells, in the table's order.
    pub rows: Vec<String>,
}

/// Returns the GANs that runs of one cell share, in the order of the rows.
pub(super) fn shared(grid: &Grid<'_>) -> Vec<SharedGan> {
    let mut found: Vec<SharedGan> = Vec::new();
    for (row, columns) in grid.rows.iter().zip(&grid.cells) {
        for cells in columns {
            let first = cells.iter().enumerate();
            let again = first.flat_map(|(at, cell)| {
                let others = &cells[at + 1..];
                cell.gans.iter().filter(|gan| others.iter().any(|other| other.gans.contains(*gan)))
            });
            for gan in again {
                let place = found.iter().position(|one| one.gan == *gan);
                let place = place.unwrap_or_else(|| {
                    found.push(SharedGan { gan: gan.clone(), rows: Vec::new() });
                    found.len() - 1
                });
                if !found[place].rows.contains(row) {
                    found[place].rows.push(row.clone());
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::report::Layout;
    use crate::report::StudyTable;
    use crate::report::sample;

    #[test]
    fn a_gan_that_differs_from_run_to_run_is_shared_by_none() {
        let plan = sample::plan();
        let mut study = sample::study(&plan);
        let shared = StudyTable::build(&study, &Layout::default()).unwrap().shared;
        let told: Vec<_> = shared.iter().map(|one| (one.gan.as_str(), &one.rows[..])).collect();
        assert_eq!(told, [("painter", &["classic+gan".to_owned()][..])]);
        // Nor where each run has a cell of its own.
        let each = Layout { rows: vec!["arm".into(), "seed".into()], ..Layout::default() };
        assert_eq!(StudyTable::build(&study, &each).unwrap().shared, []);
        for cell in &mut study.cells {
            let of_its_own = format!("painter[seed={}]", cell.at["seed"]);
            cell.gans.iter_mut().for_each(|gan| gan.clone_from(&of_its_own));
        }
        assert_eq!(StudyTable::build(&study, &Layout::default()).unwrap().shared, []);
    }
}

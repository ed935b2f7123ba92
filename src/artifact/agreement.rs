//! Agreement: how far ways of labelling the same images say the same.
//!
//! File: `agreement.csv` (`one,other,images,same,kappa,weighted_kappa`: one row for each two ways).

use std::path::Path;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::artifact::Artifact;
use crate::artifact::Error;
use crate::artifact::Tree;
use crate::artifact::tree::write_rows;

const FILE: &str = "agreement.csv";

/// How far two ways of labelling the same images agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// One way.
    pub one: String,
    /// The other.
    pub other: String,
    /// Images that both labelled.
    pub images: usize,
    /// Images to which both gave the same class.
    pub same: usize,
    /// Cohen's kappa: 1 for agreement in all, 0 for as much as chance gives; absent where chance alone gives all.
    pub kappa: Option<f64>,
    /// The same with quadratic weights, for classes that are ordered.
    pub weighted_kappa: Option<f64>,
}

/// How far ways of labelling agree, two by two.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Agreement {
    /// Each two ways; none where there was but one.
    pub pairs: Vec<Pair>,
}

impl Artifact for Agreement {
    const TYPE: &'static str = "agreement";

    fn read(tree: &Tree) -> Result<Self, Error> {
        Ok(Self { pairs: tree.rows(FILE)? })
    }

    fn write(&self, folder: &Path) -> Result<(), Error> {
        let columns = ["one", "other", "images", "same", "kappa", "weighted_kappa"];
        write_rows(folder, FILE, &columns, &self.pairs)
    }

    fn summary(&self) -> Value {
        let fact = |pair: &Pair| {
            let Pair { one, other, images, same, kappa, weighted_kappa } = pair;
            let facts = json!({"images": images, "same": same, "kappa": kappa, "weighted_kappa": weighted_kappa});
            (format!("{one} and {other}"), facts)
        };
        Value::Object(self.pairs.iter().map(fact).collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use super::Agreement;
    use super::Artifact;
    use super::Pair;
    use super::Tree;

    #[test]
    fn what_was_written_is_read_back() {
        let pair = |kappa| Pair {
            one: "classifier".to_owned(),
            other: "neighbours".to_owned(),
            images: 9,
            same: 6,
            kappa,
            weighted_kappa: Some(0.1 + 0.2),
        };
        for pairs in [vec![], vec![pair(None), pair(Some(-0.5))]] {
            let folder = tempfile::tempdir().unwrap();
            let agreement = Agreement { pairs };
            agreement.write(folder.path()).unwrap();
            let tree = Tree::of_folder(folder.path()).unwrap();
            assert_eq!(Agreement::read(&tree).unwrap(), agreement);
        }
        let facts = Agreement { pairs: vec![pair(None)] }.summary();
        assert_eq!(facts["classifier and neighbours"]["same"], 6);
    }
}

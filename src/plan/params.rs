//! Params of a task, complete, as text: a study has thousands of tasks, and trees of them take ten times the memory.
//!
//! Does not know what they mean.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// Params: JSON, whose equal values have equal texts. Clones share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params(Arc<str>);

impl Params {
    /// Returns them as a tree.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).expect("it was a tree")
    }
}

impl From<Value> for Params {
    fn from(value: Value) -> Self {
        Self(value.to_string().into())
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::prelude::proptest;
    use proptest::prop_assert_eq;
    use serde_json::json;

    use super::Params;

    proptest! {
        #[test]
        fn a_tree_comes_back_bit_for_bit(number in any::<f64>(), whole in any::<i64>(), big in any::<u64>(), text: String) {
            let tree = json!({"b": [number, null, true], "a": {&text: [whole, big]}, "c": text});
            let found = Params::from(tree.clone()).value();
            prop_assert_eq!(&found, &tree);
            let (found, wanted) = (found["b"][0].as_f64(), tree["b"][0].as_f64());
            prop_assert_eq!(found.map(f64::to_bits), wanted.map(f64::to_bits));
        }
    }
}

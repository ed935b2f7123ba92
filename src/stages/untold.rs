//! Params that are left out of what is hashed and recorded as long as they are as if they did not exist.
//!
//! A param that a kind gets later is one of them: what was computed before it existed keeps its key.

/// Returns whether a param has its default value.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

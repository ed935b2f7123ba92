//! Fields that are left out of what is hashed, recorded and kept as long as they are as if they did not exist.
//!
//! A param that a kind gets later is one of them: what was computed before it existed keeps its key. Knows nothing
//! of the fields.

/// Returns whether a field has its default value.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

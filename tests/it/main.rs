//! The one integration binary: programs and pipelines as a user meets them.

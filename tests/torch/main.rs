//! Tests of `ml` against libtorch: small, on the CPU, numbers beside their reference.

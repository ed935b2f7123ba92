//! How much may come out of packed bytes, whatever they say: photographs hardly pack at all, and what packs far
//! better is made of zeros, to fill a memory.

/// Most bytes for one packed byte; photographs have 100 at most.
pub const MOST_FOR_ONE: u64 = 200;
/// Bytes that may come out of any.
const ALWAYS: u64 = 64 << 20;

/// Returns how many bytes may come out of so many packed ones: 200 times as many, and 64 MiB at least.
pub fn most_unpacked(packed: u64) -> u64 {
    packed.saturating_mul(MOST_FOR_ONE).max(ALWAYS)
}

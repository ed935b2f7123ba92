//! Any bytes as a `.npy` file: an array that is a part of them, or a reason; never a panic or an
//! allocation that a header only claims.

#![no_main]

use ablate::imaging::npy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = npy::header(bytes) {
        assert!(header.data_start <= bytes.len());
    }
    match npy::decode(bytes) {
        Ok(array) => {
            assert!(array.data.len() < bytes.len());
            assert_eq!(npy::decode(&npy::encode(&array)), Ok(array));
        }
        Err(problem) => assert!(problem.len() < 10_000, "a problem is told in few words"),
    }
});

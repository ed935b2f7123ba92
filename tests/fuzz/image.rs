//! Any bytes as a file of an image: pixels of the size that it tells, or a reason; never a panic, nor more
//! memory than its length permits.

#![no_main]

use ablate::imaging::decode::decode_as;
use ablate::imaging::rgb::CHANNELS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for upright in [false, true] {
        match decode_as(bytes, upright) {
            Ok(decoded) => {
                let image = decoded.image;
                assert!(image.height > 0 && image.width > 0);
                assert_eq!(image.pixels.len(), image.height * image.width * CHANNELS);
                assert!(!(upright && decoded.is_turned));
            }
            Err(problem) => assert!(!problem.is_empty()),
        }
    }
});
